-- Deletes the value of an entry with an outdated stamp, when its lease is requested (defineLease).
-- Its version could keep later values out.
-- KEYS[1] the entry
-- ARGV[5] the outdated stamp; '' stands for none
-- returns the value of the entry, or false
-- cost: O(1)
-- needs stamp.lua

local value = redis.call('GET', KEYS[1])
if not value or stamp(value) ~= ARGV[5] then return value end
redis.call('DEL', KEYS[1])
return false
