-- Sees to it that all who use a name mean the same by it. On a full server it only reads.
-- KEYS[1] what was agreed on
-- ARGV[1] how many partitions there are
-- returns how many there are
-- cost: O(1)
-- needs foreign-values.lua of core

local agreed = redis.call('GET', KEYS[1])
if agreed and #agreed < 5 and agreed:match('^[1-9]%d*$') then return agreed end
if agreed then
  redis.call('DEL', KEYS[1])
  reportForeignValue(KEYS[1], 'no number of partitions')
end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
