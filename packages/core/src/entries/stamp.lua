-- Reads the stamp of a stored entry. Put before the scripts that compare stamps.
--
-- The frame (frame.ts) begins with control byte 1 and flags. If bit 4 of the flags is set, the
-- stamp follows after the version (bit 0, 8 bytes) and the compute time (bit 1, 4 bytes), preceded
-- by its length in 4 bytes. Returns '' if there is no stamp.

local function stamp(stored)
  if #stored < 6 or stored:byte(1) ~= 1 then return '' end
  local flags = stored:byte(2)
  if math.floor(flags / 16) % 2 == 0 then return '' end
  local versionBytes = flags % 2 == 1 and 8 or 0
  local computeTimeBytes = math.floor(flags / 2) % 2 == 1 and 4 or 0
  local start = 3 + versionBytes + computeTimeBytes
  if #stored < start + 3 then return '' end
  local length = struct.unpack('>I4', stored:sub(start, start + 3))
  return stored:sub(start + 4, start + 3 + length)
end
