-- Notes that everything has been moved.
-- KEYS[1] the register of what comes after the present shards  KEYS[2] the lease of the one that
-- moved it
-- ARGV[1] what the change is known by: the register may be another one's by now
-- cost: O(1)
-- needs own.lua

redis.call('DEL', KEYS[2]) -- first: a full server refuses a script's first write that needs memory, and no later one
own(KEYS[1], 'hash')
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] then redis.call('HSET', KEYS[1], 'done', 1) end
return 1
