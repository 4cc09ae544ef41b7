-- The last fence of a name, as it is stored.
-- needs clock.lua, numbers.lua

-- Parses the value of a fence key. Returns 0 if the key is missing, or if the value cannot come
-- from a clock (it is not a number, or lies beyond the year 2255).
local function parseFence(text)
  local fence = tonumber(text or nil)
  return fence and fence >= 0 and fence < 9e15 and fence or 0
end

-- Returns a number that is at least the last fence, and at least the server's clock.
local function highestFence(last)
  if not last or isPast(last) then return microsecondsText() end
  return integer(math.max(parseFence(last), microseconds()))
end
