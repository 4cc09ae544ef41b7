-- The server's clock. A script reads it at most once, and all calls of the script share the value.
-- The code before this file defines the constants in capitals (see clock.ts).
local command = redis.call
local cachedTime

local function microseconds()
  if not cachedTime then
    local time = command('TIME')
    cachedTime = time[1] * 1000000 + time[2]
  end
  return cachedTime
end

local function milliseconds()
  return math.floor(microseconds() / 1000)
end

-- Formats a number as a decimal integer without an exponent.
local function integer(number)
  return string.format('%.0f', number)
end
