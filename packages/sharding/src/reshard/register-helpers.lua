-- Helpers for the scripts that read the package's own keys. They are prepended to those scripts.
-- Only this package writes these keys, so a value of another type is invalid and is deleted.

local function deleteIfWrongType(key, expected)
  local actual = redis.call('TYPE', key).ok
  if actual ~= expected and actual ~= 'none' then
    redis.call('DEL', key)
  end
end

-- Parses a whole number as the register stores it. Returns nil for anything else, and for times
-- beyond the year 2255.
local function parseWholeNumber(text)
  local number = text and #text < 17 and text:match('^%d+$') and tonumber(text)
  return number and number < 9e15 and number or nil
end
