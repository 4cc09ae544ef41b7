-- Reads the version of a stored entry. Put before the scripts that compare versions.
--
-- The frame (frame.ts) begins with control byte 1 and flags. If bit 0 of the flags is set, the
-- version follows as a big-endian double. Returns nil if there is none.

local function version(stored)
  if not stored or #stored < 10 or stored:byte(1) ~= 1 or stored:byte(2) % 2 == 0 then
    return nil
  end
  local number = struct.unpack('>d', stored:sub(3, 10))
  -- No reader accepts any other number, so it must not keep newer versions out.
  local isValid = number >= 0 and number <= 9007199254740991 and number % 1 == 0
  return isValid and number or nil
end
