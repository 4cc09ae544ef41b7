-- Notes that a worker is alive, or ('0') that it goes, and forgets those that have not been heard of.
-- KEYS[1] the workers, by the moment at which they count as dead
-- ARGV[1] the worker's token  ARGV[2] for how long, ms  then workers that are dead, and the moment that each was last seen with
-- returns the others and their moments
-- cost: O(n) in the workers

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for i = 3, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
if ARGV[2] == '0' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
