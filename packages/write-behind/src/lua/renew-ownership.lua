-- Renews the ownership of a partition.
-- KEYS[1] the owner of the partition
-- ARGV[1] the token of the owner
-- ARGV[2] the ttl of the ownership, ms
-- returns 1, or 0 if the partition has another owner or none
-- cost: O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
