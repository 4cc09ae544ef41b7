-- Stores a key that was read from its old shard on its new shard, unless a process may have used it
-- here since it was read. Leaves a marker that the key may be used here.
-- KEYS[1] the key
-- KEYS[2] the marker that the key has been used here
-- ARGV[1] deadline, in ms of this server's clock
-- ARGV[2] ttl of the marker in ms; '0': leave no marker
-- ARGV[3] remaining ttl of the key in ms; 0: it does not expire
-- ARGV[4] serialized value, as DUMP returned it; missing: the key did not exist
-- returns 1, or 0 if the deadline has passed
-- cost: O(size of the value)
-- needs time.lua of core

local now = milliseconds()
if now > tonumber(ARGV[1]) then
  return 0
end
if ARGV[4] and redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 then
  redis.call('RESTORE', KEYS[1], ARGV[3], ARGV[4])
end
if ARGV[2] ~= '0' then
  -- A full server refuses only the first write of a script that needs memory. UNLINK needs none.
  redis.call('UNLINK', KEYS[2])
  redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
end
return 1
