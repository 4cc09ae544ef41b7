-- Measures the queue of a partition.
-- needs time.lua of core
-- KEYS[1] the stream of the partition
-- KEYS[2] the owner of the partition
-- KEYS[3] the dead letters
-- returns {number of writes, age of the oldest write in microseconds, 1 if a worker owns it,
-- number of dead letters}
-- cost: O(1)

local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local age = 0
if oldest then
  age = math.max(0, microseconds() - tonumber(oldest[1]:match('^%d+')))
end
return {
  redis.call('XLEN', KEYS[1]),
  age,
  redis.call('EXISTS', KEYS[2]),
  redis.call('ZCARD', KEYS[3]),
}
