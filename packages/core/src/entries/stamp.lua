-- Shared by the scripts that compare stamps; put before them. The stamp in a stored entry's frame
-- (frame.ts): control byte 1, flags with bit 4 set, behind the version (bit 0, 8 bytes) and the
-- compute time (bit 1, 4 bytes); its length comes first, in 4 bytes. '' where there is none.

local function stamp(stored)
  if #stored < 6 or stored:byte(1) ~= 1 then return '' end
  local flags = stored:byte(2)
  if math.floor(flags / 16) % 2 == 0 then return '' end
  local at = 3 + (flags % 2 == 1 and 8 or 0) + (math.floor(flags / 2) % 2 == 1 and 4 or 0)
  if #stored < at + 3 then return '' end
  return stored:sub(at + 4, at + 3 + struct.unpack('>I4', stored:sub(at, at + 3)))
end
