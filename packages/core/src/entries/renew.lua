-- Prolongs a lease while its holder loads.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents
-- ARGV[1] token  ARGV[2] lease's ttl from now on, ms
-- ARGV[3] 'yield' to whoever asks for it meanwhile, or ''
-- returns 1, or 0: the lease is no longer the token's
-- cost: O(1), and O(log n) in the writers under way
-- needs intents.lua

if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
-- before anything is added: then a full server takes that as well
redis.call('PEXPIRE', KEYS[2], ARGV[2])
if ARGV[3] == 'yield' then mayYield(KEYS[3], ARGV[1], tonumber(ARGV[2])) end
return 1
