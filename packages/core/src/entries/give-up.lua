-- Takes back a lease whose request got no reply. It may have been granted, or may still be.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents
-- ARGV[1] token  ARGV[2] ms for which the request may still arrive
-- returns 1
-- cost: O(log n) in the number of writers
-- needs intents.lua

if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
giveUp(KEYS[3], ARGV[1], tonumber(ARGV[2]))
return 1
