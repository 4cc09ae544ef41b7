-- Writes some items of a large group into its hash, which no reader knows yet.
-- KEYS[1] the hash
-- ARGV[1] the ttl of the hash, ms
-- ARGV[2…] field, value, field, value, …
-- returns the number of fields in the hash
-- cost: O(n) in the given fields

redis.call('HSET', KEYS[1], unpack(ARGV, 2, #ARGV))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('HLEN', KEYS[1])
