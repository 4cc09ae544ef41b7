-- Extends a lease while its holder loads.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents
-- ARGV[1] token  ARGV[2] ttl of the lease from now on, ms
-- ARGV[3] 'yield' to the next caller that asks for it, or ''
-- returns 1, or 0 if the token no longer holds the lease
-- cost: O(1), and O(log n) in the number of writers
-- needs intents.lua

if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
-- This comes before any command that adds, so that a full server accepts those too.
redis.call('PEXPIRE', KEYS[2], ARGV[2])
if ARGV[3] == 'yield' then allowTakeover(KEYS[3], ARGV[1], tonumber(ARGV[2])) end
return 1
