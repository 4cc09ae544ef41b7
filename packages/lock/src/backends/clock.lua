-- Put before every script. The code before this file defines the constants in capitals (clock.ts).
-- needs time.lua of core
local command = redis.call

-- Formats a number as a decimal integer without an exponent.
local function integer(number)
  return string.format('%.0f', number)
end

-- Returns the server's clock in µs as a decimal integer. A script formats it at most once, and all
-- its calls share the text.
local timeText
local function microsecondsText()
  timeText = timeText or integer(microseconds())
  return timeText
end
