-- Put before the scripts that read the package's own keys. Nobody else writes these: what is of
-- another type is deleted.

local function own(key, wanted)
  local found = redis.call('TYPE', key).ok
  if found ~= wanted and found ~= 'none' then redis.call('DEL', key) end
end

-- A whole number as it is in the register; nil for anything else, and for times beyond the year
-- 2255.
local function whole(text)
  local number = text and #text < 17 and text:match('^%d+$') and tonumber(text)
  return number and number < 9e15 and number or nil
end
