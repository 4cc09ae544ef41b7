-- Shared by the scripts that say which types their keys have; put before them. Only this package
-- writes these keys, so what is of another type there is nobody's: it is deleted, and told with the
-- replies.
-- needs typesOf

-- A number as our scripts write it: whole, at least 0, and exact as a double; nil for any other
-- text.
local function wholeNumber(text)
  local number = text and #text < 17 and text:match('^%d+$') and tonumber(text)
  return number and number <= 9007199254740991 and number or nil
end

local mended = {}

local function tellMended(key, what)
  mended[#mended + 1] = key
  mended[#mended + 1] = what
end

-- Whether there was something to delete.
local function mend(keys, args)
  local types, any = typesOf(keys, args), false
  for i, wanted in ipairs(types) do
    local found = keys[i] and wanted ~= 'any' and redis.pcall('TYPE', keys[i]).ok
    if found and found ~= 'none' and found ~= wanted then
      redis.call('DEL', keys[i])
      tellMended(keys[i], found)
      any = true
    end
  end
  return any
end
