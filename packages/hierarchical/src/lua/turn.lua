-- Adds a generation to those of a large group. The last two are kept: the one that is read, and the
-- one that is about to be.
-- KEYS[1] the list of generations
-- ARGV[1] the new one  ARGV[2] ttl of the list, ms
-- returns those that are to go
-- cost: O(1)

redis.call('LPUSH', KEYS[1], ARGV[1])
local gone = redis.call('LRANGE', KEYS[1], 2, 99)
redis.call('LTRIM', KEYS[1], 0, 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return gone
