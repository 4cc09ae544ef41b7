-- Functions that read and set the sequence in a stored value. It is the version in the frame of the
-- value, the only field of that frame (frame.ts of core).

-- Returns the sequence of a stored value, or nil if it has none.
local function sequence_of(value)
  if not value or #value < 10 then return nil end
  local control, flags = value:byte(1, 2)
  if control ~= 1 or flags % 2 == 0 then return nil end
  local sequence = struct.unpack('>d', value, 3)
  local is_valid = sequence >= 0 and sequence <= 9007199254740991 and sequence % 1 == 0
  return is_valid and sequence or nil
end

-- Returns the value with the given sequence.
local function with_sequence(value, sequence)
  return value:sub(1, 2) .. struct.pack('>d', sequence) .. value:sub(11)
end

-- Returns the frame of a payload with the given sequence. The flags are one character.
local function framed(flags, sequence, payload)
  return '\1' .. flags .. struct.pack('>d', sequence) .. payload
end
