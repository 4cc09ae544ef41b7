-- Measures the queue of a partition.
-- KEYS[1] the stream of the partition
-- KEYS[2] the owner of the partition
-- returns {number of writes, age of the oldest write in microseconds, 1 if a worker owns it}
-- cost: O(1)

local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local age = 0
if oldest then
  local time = redis.call('TIME')
  age = math.max(0, time[1] * 1000000 + time[2] - tonumber(oldest[1]:match('^%d+')))
end
return {redis.call('XLEN', KEYS[1]), age, redis.call('EXISTS', KEYS[2])}
