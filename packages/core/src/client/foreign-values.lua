-- Deletes and reports values of another type than the keys of a script must have. This file is put
-- before every script that declares `types`. Only this package writes these keys, so a value of
-- another type belongs to nobody. It is deleted, and reported with the replies.
-- needs the function typesOf, which script.ts generates from `types`

-- Parses a number in the form that our scripts write: whole, at least 0, and exact as a double.
-- Returns nil for any other text.
local function wholeNumber(text)
  local number = text and #text < 17 and text:match('^%d+$') and tonumber(text)
  return number and number <= 9007199254740991 and number or nil
end

-- The deleted keys and their descriptions, alternating.
local foreign = {}

local function reportForeignValue(key, description)
  foreign[#foreign + 1] = key
  foreign[#foreign + 1] = description
end

-- Deletes the keys whose values have another type than expected. Returns whether it deleted any.
local function drop_foreign_values(keys, args)
  local types = typesOf(keys, args)
  local deleted = false
  for i, expected in ipairs(types) do
    local actual = keys[i] and expected ~= 'any' and redis.pcall('TYPE', keys[i]).ok
    if actual and actual ~= 'none' and actual ~= expected then
      redis.call('DEL', keys[i])
      reportForeignValue(keys[i], actual)
      deleted = true
    end
  end
  return deleted
end
