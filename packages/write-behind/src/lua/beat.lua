-- Notes that a worker is alive, or ('0') that it goes, and forgets those that have not been heard
-- of. One that has gone leaves a mark, `left:` and its
-- token: a beat of it that arrives late changes nothing.
-- KEYS[1] the workers, by the moment at which they count as dead
-- ARGV[1] the worker's token  ARGV[2] for how long, ms  ARGV[3] for how long a mark stays, ms  then
-- workers that are dead, and the moment that each was
--   last seen with
-- returns the others and their moments
-- cost: O(n) in the workers
-- needs foreign-values.lua of core

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for i = 4, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
local ttl, member = tonumber(ARGV[2]), ARGV[1]
if ttl == 0 then
  redis.call('ZREM', KEYS[1], member)
  ttl, member = tonumber(ARGV[3]), 'left:' .. member
end
if not redis.call('ZSCORE', KEYS[1], 'left:' .. member) then
  redis.call('ZADD', KEYS[1], now + ttl, member)
  if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
end

local workers, all = {}, redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  if not all[i]:match('^[%w_:.%-]+$') then -- no worker's: it must get no share of the partitions
    redis.call('ZREM', KEYS[1], all[i])
    reportForeignValue(KEYS[1], 'no token of a worker')
  elseif all[i]:sub(1, 5) ~= 'left:' then
    workers[#workers + 1] = all[i]
    workers[#workers + 1] = all[i + 1]
  end
end
return workers
