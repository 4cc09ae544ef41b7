-- Numbers, and the server's clock as a number.
-- needs clock.lua

-- Formats a number as a decimal integer without an exponent.
local function integer(number)
  return string.format('%.0f', number)
end

local function microseconds()
  return tonumber(microsecondsText())
end

local function milliseconds()
  return math.floor(microseconds() / 1000)
end
