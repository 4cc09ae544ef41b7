-- Returns the number of partitions of a queue, and sets it on first use. On a full server it only
-- reads.
-- needs foreign-values.lua of core
-- KEYS[1] the number of partitions
-- ARGV[1] the number of partitions of the caller
-- returns the number of partitions
-- cost: O(1)

local count = redis.call('GET', KEYS[1])
if count and #count < 5 and count:match('^[1-9]%d*$') then return count end
if count then
  redis.call('DEL', KEYS[1])
  reportForeignValue(KEYS[1], 'no number of partitions')
end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
