-- Shared by all scripts; put before them: µs since 1970 by the server's clock, the only one that decides.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
