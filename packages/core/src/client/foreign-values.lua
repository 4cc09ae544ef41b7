-- Deletes and reports values of another type than a script's keys should have. Put before every
-- script that declares `types`. Only this package writes these keys, so a value of another type
-- belongs to nobody; it is deleted, and reported with the replies.
-- needs typesOf

-- Parses a number as our scripts write it: whole, at least 0, and exact as a double. Returns nil for
-- any other text.
local function wholeNumber(text)
  local number = text and #text < 17 and text:match('^%d+$') and tonumber(text)
  return number and number <= 9007199254740991 and number or nil
end

-- Keys and what was found there, alternating.
local foreign = {}

local function reportForeignValue(key, what)
  foreign[#foreign + 1] = key
  foreign[#foreign + 1] = what
end

-- Whether there was something to delete.
local function drop_foreign_values(keys, args)
  local types, any = typesOf(keys, args), false
  for i, wanted in ipairs(types) do
    local found = keys[i] and wanted ~= 'any' and redis.pcall('TYPE', keys[i]).ok
    if found and found ~= 'none' and found ~= wanted then
      redis.call('DEL', keys[i])
      reportForeignValue(keys[i], found)
      any = true
    end
  end
  return any
end
