-- How many hold a permit, and how many wait.
-- KEYS[1] the holders  KEYS[2] the queue
-- returns {holders, waiters}
-- cost: O(log n) in the holders

local now = milliseconds(redis.call('TIME'))
return {redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', now), '+inf'), redis.call('ZCARD', KEYS[2])}
