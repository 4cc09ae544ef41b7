-- The server's clock. Put before the scripts that use it. A script reads the clock at most once,
-- and all its calls share the value.
local serverTime

local function microseconds()
  if not serverTime then
    local time = redis.call('TIME')
    serverTime = time[1] * 1000000 + time[2]
  end
  return serverTime
end

local function milliseconds()
  return math.floor(microseconds() / 1000)
end

