-- An entry with what it has left to live, of one moment.
-- KEYS[1] the entry
-- returns nothing (also where it is of another type), or {value, ms left to live (-1: it does not
-- expire)}
-- cost: O(1)

local value = redis.pcall('GET', KEYS[1])
return type(value) == 'string' and {value, redis.call('PTTL', KEYS[1])}
