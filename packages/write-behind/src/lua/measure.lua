-- Tells what waits in a partition.
-- KEYS[1] the partition's stream  KEYS[2] its owner
-- returns {writes, age of the oldest one in microseconds, 1 if a worker has it}
-- cost: O(1)

local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local age = 0
if first then
  local time = redis.call('TIME')
  age = math.max(0, time[1] * 1000000 + time[2] - tonumber(first[1]:match('^%d+')))
end
return {redis.call('XLEN', KEYS[1]), age, redis.call('EXISTS', KEYS[2])}
