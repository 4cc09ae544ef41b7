-- How many hold a permit, and how many wait.
-- KEYS[1] the holders  KEYS[2] the queue
-- returns {holders, waiters}
-- cost: O(log n) in the holders

local now = milliseconds()
return {command('ZCOUNT', KEYS[1], '(' .. whole(now), '+inf'), command('ZCARD', KEYS[2])}
