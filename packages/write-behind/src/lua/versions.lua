-- Shared by the scripts that look at the sequence in a stored value; put before them. It is the
-- version in its frame (frame.ts of core).

local function sequence_of(value)
  if not value or #value < 10 or value:byte(1) ~= 1 or value:byte(2) % 2 == 0 then return nil end
  local sequence = struct.unpack('>d', value:sub(3, 10))
  return sequence >= 0 and sequence <= 9007199254740991 and sequence % 1 == 0 and sequence or nil
end

local function versioned(value, sequence)
  return value:sub(1, 2) .. struct.pack('>d', sequence) .. value:sub(11)
end
