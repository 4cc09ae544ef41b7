-- Who holds the lock.
-- KEYS[1] the lock  KEYS[2] its queue
-- returns {`token fence since about`, ms it has left to live, waiters} or nil
-- cost: O(1)

local value = redis.call('GET', KEYS[1])
if not value then return nil end
return {value, redis.call('PTTL', KEYS[1]), redis.call('ZCARD', KEYS[2])}
