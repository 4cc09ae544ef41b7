-- Notes that everything has been moved.
-- KEYS[1] the register of what comes after the present shards  KEYS[2] the lease of the one that moved it
-- cost: O(1)

if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'done', 1) end
return redis.call('DEL', KEYS[2])
