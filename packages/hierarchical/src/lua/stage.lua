-- Puts some items of a large group into its hash, which nobody reads yet.
-- KEYS[1] the hash
-- ARGV[1] its ttl, ms  ARGV[2…] field, value, field, value, …
-- returns how many fields it has then
-- cost: O(n) in these fields

redis.call('HSET', KEYS[1], unpack(ARGV, 2, #ARGV))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('HLEN', KEYS[1])
