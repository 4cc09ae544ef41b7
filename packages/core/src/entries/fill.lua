-- Stores what a lease's holder loaded, if the lease is still its own and no newer version is there.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log
-- ARGV[1] token  ARGV[2] value  ARGV[3] ttl, ms
-- ARGV[4] ms for which the request for the lease may still arrive, late (0: it will not)
-- ARGV[5…7] maybe: what to announce it with (announce.lua), where it is a write
-- returns 1: stored, 0: the lease was lost, 2: a newer version was there; an error, and the lease
-- is
--   gone, where the server is full
-- cost: O(1)
-- needs announce.lua, intents.lua, version.lua

-- of another type it fails here, before anything is done
if ARGV[4] ~= '0' then redis.call('ZCARD', KEYS[3]) end
local isLost = redis.call('GET', KEYS[2]) ~= ARGV[1]
local outcome = 0
if not isLost then
  announce(KEYS[1], ARGV[5], ARGV[6], ARGV[7], KEYS[4])
  local mine = version(ARGV[2])
  local theirs = mine and version(redis.call('GET', KEYS[1]))
  local isNewest = not (theirs and theirs > mine)
  local done = isNewest and redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  redis.call('DEL', KEYS[2])
  outcome = not done and 2 or done.err and done or 1
end
if ARGV[4] ~= '0' then giveUp(KEYS[3], ARGV[1], tonumber(ARGV[4])) end
return outcome
