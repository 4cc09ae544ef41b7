-- Reads an entry together with its remaining life.
-- KEYS[1] the entry
-- returns {value, ms left to live (-1: it does not expire)}, or nothing if there is no entry or it
-- is of another type
-- cost: O(1)

local value = redis.pcall('GET', KEYS[1])
return type(value) == 'string' and {value, redis.call('PTTL', KEYS[1])}
