-- Reads the holder of the lock.
-- KEYS[1] the lock  KEYS[2] its queue
-- returns {value of the lock, remaining ttl in ms, number of waiters}, or nil if nobody holds it
-- cost: O(1)

local value = redis.call('GET', KEYS[1])
if not value then return nil end
return {value, redis.call('PTTL', KEYS[1]), redis.call('ZCARD', KEYS[2])}
