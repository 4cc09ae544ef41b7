-- Shared by the scripts that compare versions; put before them. The version in a stored entry's
-- frame (frame.ts): control byte 1, flags with bit 0 set, then a big-endian double.

local function version(stored)
  if not stored or #stored < 10 or stored:byte(1) ~= 1 or stored:byte(2) % 2 == 0 then return nil end
  local found = struct.unpack('>d', stored:sub(3, 10))
  -- no reader takes another, and it must not keep the newer ones out
  return found >= 0 and found <= 9007199254740991 and found % 1 == 0 and found or nil
end
