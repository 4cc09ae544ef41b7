-- Gives a lease back without a value: the load failed, or its answer is not to be cached.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents
-- ARGV[1] token  ARGV[2] ms for which others should load for themselves without waiting (0: the
-- next one may take the lease)
-- ARGV[3] ms for which the request for the lease may still arrive, late (0: it will not)
-- returns 1 if the lease was still the token's, else 0
-- cost: O(1)
-- needs intents.lua

-- of another type it fails here, before anything is done
if ARGV[3] ~= '0' then redis.call('ZCARD', KEYS[3]) end
local isHeld = redis.call('GET', KEYS[2]) == ARGV[1]
if isHeld then
  -- first: a full server takes what adds only after a write that does not
  redis.call('DEL', KEYS[2])
  if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], 'skip', 'PX', ARGV[2]) end
end
if ARGV[3] ~= '0' then giveUp(KEYS[3], ARGV[1], tonumber(ARGV[3])) end
return isHeld and 1 or 0
