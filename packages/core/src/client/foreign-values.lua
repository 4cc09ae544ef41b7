-- Reports values that no pattern could have written. This file is put before every script that
-- declares `types`. Only this package writes these keys, so a value of another type belongs to
-- nobody. It is deleted (drop-foreign-values.lua), and reported with the replies.

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
