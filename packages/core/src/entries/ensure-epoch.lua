-- Returns the epoch of a cache for values that are loaded from now on. A cache without one gets one
-- that it has never had.
-- KEYS[1] the epoch
-- ARGV[1] the token of the cache in the process that asks
-- ARGV[2] the ttl of the epoch, ms. It begins anew if less than half of it is left.
-- returns the epoch: µs of the server's clock, and the token
-- cost: O(1)
-- needs time.lua

local epoch = redis.call('GET', KEYS[1])
if not epoch or not epoch:find('^%d+ [%w_.%-]+$') then
  epoch = string.format('%.0f %s', microseconds(), ARGV[1])
  local reply = redis.pcall('SET', KEYS[1], epoch, 'PX', ARGV[2])
  return reply.err and reply or epoch
end
if redis.call('PTTL', KEYS[1]) < ARGV[2] / 2 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return epoch
