-- The version of a group, for what is about to be loaded; a group that has none gets one.
-- KEYS[1] the group's version
-- ARGV[1] its ttl, ms, which begins anew where less than half of it is left
-- returns the version
-- cost: O(1)

local version = current(KEYS[1])
if not version then
  version = now()
  redis.call('SET', KEYS[1], text(version), 'PX', ARGV[1])
  return version
end
local life = redis.call('PTTL', KEYS[1])
if life >= 0 and life < ARGV[1] / 2 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return version
