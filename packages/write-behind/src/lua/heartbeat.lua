-- Records that a worker is alive or that it stops, and removes dead workers. A worker that stops
-- leaves a mark, its token after `left:`. A heartbeat that arrives after the mark changes nothing.
-- needs foreign-values.lua and time.lua of core
-- KEYS[1] the workers, with the time at which they count as dead
-- ARGV[1] the token of the worker
-- ARGV[2] how long it counts as alive, ms, or '0' if it stops
-- ARGV[3] how long the mark stays, ms
-- ARGV[4] and on: for each dead worker its token, and the time that was last seen with it
-- returns for each worker its token and its time
-- cost: O(n) in the workers

local now = milliseconds()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for i = 4, #ARGV, 2 do
  local token, last_seen = ARGV[i], ARGV[i + 1]
  if redis.call('ZSCORE', KEYS[1], token) == last_seen then redis.call('ZREM', KEYS[1], token) end
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

local workers, members = {}, redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #members, 2 do
  if not members[i]:match('^[%w_:.%-]+$') then
    -- A foreign value must not get a share of the partitions.
    redis.call('ZREM', KEYS[1], members[i])
    reportForeignValue(KEYS[1], 'no token of a worker')
  elseif members[i]:sub(1, 5) ~= 'left:' then
    workers[#workers + 1] = members[i]
    workers[#workers + 1] = members[i + 1]
  end
end
return workers
