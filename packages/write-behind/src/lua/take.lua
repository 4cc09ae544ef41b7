-- Reads what is next in a partition, for its owner.
-- KEYS[1] the partition's owner  KEYS[2] its stream
-- ARGV[1] the worker's token  ARGV[2] where it begins, as XRANGE has it  ARGV[3] how many
-- returns the writes, or 'lost': it has another owner
-- cost: O(n) in the writes

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
return redis.call('XRANGE', KEYS[2], ARGV[2], '+', 'COUNT', ARGV[3])
