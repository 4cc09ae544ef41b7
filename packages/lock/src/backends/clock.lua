-- Put before every script. The code before this file defines the constants in capitals (clock.ts).
-- A script reads the server's clock at most once, and all its calls share the value.
local command = redis.call

-- Returns the server's clock in µs as a decimal integer. TIME replies with text, and to format a
-- number takes as long as a small command.
local timeText
local function microsecondsText()
  if not timeText then
    local time = command('TIME')
    timeText = time[1] .. string.sub('00000' .. time[2], -6)
  end
  return timeText
end

-- Returns whether a decimal integer is below the server's clock in µs. Both are compared as text,
-- so the answer may be no for one that has fewer digits.
local function isPast(text)
  local now = microsecondsText()
  return #text == #now and text < now
end
