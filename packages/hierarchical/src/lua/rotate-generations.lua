-- Adds a generation to the list of a large group's generations, and returns the ones to delete. The
-- last two are kept: the one that is being read, and the new one.
-- KEYS[1] the list of generations
-- ARGV[1] the new generation
-- ARGV[2] the ttl of the list, ms
-- returns the generations to delete
-- cost: O(1)

redis.call('LPUSH', KEYS[1], ARGV[1])
local obsolete = redis.call('LRANGE', KEYS[1], 2, 99)
redis.call('LTRIM', KEYS[1], 0, 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return obsolete
