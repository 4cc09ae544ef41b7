-- Prolongs a lease while its holder loads.
-- KEYS[1] the entry  KEYS[2] its lease
-- ARGV[1] token  ARGV[2] lease's ttl from now on, ms
-- returns 1, or 0: the lease is no longer the token's
-- cost: O(1)

return redis.call('GET', KEYS[2]) == ARGV[1] and redis.call('PEXPIRE', KEYS[2], ARGV[2]) or 0
