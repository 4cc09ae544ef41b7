-- Stores the value that the holder of a lease loaded, if it still holds the lease and there is no
-- newer version.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log
-- ARGV[1] token  ARGV[2] value  ARGV[3] ttl, ms (0: it does not expire)
-- ARGV[4] ms for which the request for the lease may still arrive (0: it will not)
-- ARGV[5…7] maybe: channel, sender and sequence of the announcement (announce.lua), if the fill
-- is part of a write
-- returns 1 (stored), 0 (the lease was lost) or 2 (there was a newer version). Returns an error if
-- the server is full; the lease is then released
-- cost: O(1)
-- needs announce.lua, intents.lua, set-value.lua, version.lua

-- A value of another type makes the call fail here, before it changes anything.
if ARGV[4] ~= '0' then redis.call('ZCARD', KEYS[3]) end
local isLost = redis.call('GET', KEYS[2]) ~= ARGV[1]
local outcome = 0
if not isLost then
  announce(KEYS[1], ARGV[5], ARGV[6], ARGV[7], KEYS[4])
  local mine = version(ARGV[2])
  local theirs = mine and version(redis.call('GET', KEYS[1]))
  local isNewest = not (theirs and theirs > mine)
  local reply = isNewest and setValue(KEYS[1], ARGV[2], ARGV[3])
  redis.call('DEL', KEYS[2])
  outcome = not reply and 2 or reply.err and reply or 1
end
if ARGV[4] ~= '0' then giveUp(KEYS[3], ARGV[1], tonumber(ARGV[4])) end
return outcome
