-- Sees to it that all who use a name mean the same by it.
-- KEYS[1] what was agreed on
-- ARGV[1] how many partitions there are
-- returns how many there are
-- cost: O(1)

redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
