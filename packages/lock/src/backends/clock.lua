-- The server's clock, asked once for all calls of a script. Whoever uses it defines the constants
-- in capitals before it.
local command, format = redis.call, string.format
local asked

local function microseconds()
  if not asked then
    local time = command('TIME')
    asked = time[1] * 1000000 + time[2]
  end
  return asked
end

local function milliseconds() return math.floor(microseconds() / 1000) end

local function whole(number) return format('%.0f', number) end
