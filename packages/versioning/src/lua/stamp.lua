-- The version of a group, for what is about to be loaded; a group that has none gets one.
-- KEYS[1] the group's version  KEYS[2] the intents of those who change its source
-- ARGV[1] its ttl, ms, which begins anew where less than half of it is left and nobody changes the
-- source
-- returns the version
-- cost: O(1)

local version = current(KEYS[1])
if not version then
  version = now()
  local done = store(KEYS[1], KEYS[2], version, tonumber(ARGV[1]))
  return done.err and done or version
end
local life = redis.call('PTTL', KEYS[1])
if life < ARGV[1] / 2 and writing(KEYS[2]) == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return version
