-- Goes on owning a partition.
-- KEYS[1] the partition's owner
-- ARGV[1] the owner's token  ARGV[2] ttl, ms
-- returns 1, or 0: it is another's, or nobody's
-- cost: O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
