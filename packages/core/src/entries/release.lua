-- Releases a lease without a value: the load failed, or its value is not to be cached.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents
-- ARGV[1] token
-- ARGV[2] ms for which others load for themselves without waiting (0: the next one may take the
-- lease)
-- ARGV[3] ms for which the request for the lease may still arrive (0: it will not)
-- returns 1 if the token still held the lease, else 0
-- cost: O(1)
-- needs intents.lua

-- A value of another type makes the call fail here, before it changes anything.
if ARGV[3] ~= '0' then redis.call('ZCARD', KEYS[3]) end
local isHeld = redis.call('GET', KEYS[2]) == ARGV[1]
if isHeld then
  -- The DEL comes first, so that a full server accepts the commands that add too.
  redis.call('DEL', KEYS[2])
  if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], 'skip', 'PX', ARGV[2]) end
end
if ARGV[3] ~= '0' then giveUp(KEYS[3], ARGV[1], tonumber(ARGV[3])) end
return isHeld and 1 or 0
