-- Gives a partition back.
-- KEYS[1] the partition's owner
-- ARGV[1] the worker's token
-- returns 1 if it was its own
-- cost: O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
