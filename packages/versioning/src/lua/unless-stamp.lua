-- Rejects the value of an entry with an outdated stamp, when its lease is requested (defineLease of
-- core).
-- KEYS[1] the entry
-- ARGV[5] the outdated stamp; '' stands for none
-- returns the value of the entry, or false
-- cost: O(1)
-- needs stamp.lua of core

local value = redis.call('GET', KEYS[1])
return value and stamp(value) ~= ARGV[5] and value
