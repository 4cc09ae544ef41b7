-- Gives a group a new version. It is later than the current one, and later than any version that
-- the group may have had and lost.
-- KEYS[1] the group's version
-- KEYS[2] the intents of the writers that change the group's source
-- KEYS[3] optional: the log
-- ARGV[1] the ttl of the version, ms
-- ARGV[2…4] optional: the announcement
-- returns the version
-- cost: O(1)
-- needs versions.lua

local version = microseconds()
local last = current(KEYS[1]) or 0
-- A version that no number can follow was not written by this package.
if last < 9007199254740991 then
  version = math.max(version, last + 1)
end
-- Out of memory: without a version, no entry of the group is valid either.
if store(KEYS[1], KEYS[2], version, tonumber(ARGV[1])).err then
  redis.call('DEL', KEYS[1])
end
return version
