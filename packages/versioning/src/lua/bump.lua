-- Gives a group a new version: later than the one before, and than any it may have had if that was
-- lost.
-- KEYS[1] the group's version  KEYS[2] the intents of those who change its source  KEYS[3] maybe:
-- the log
-- ARGV[1] its ttl, ms  ARGV[2…4] maybe: what to announce it with
-- returns the version
-- cost: O(1)

local version, last = now(), current(KEYS[1]) or 0
-- what nobody can follow was not ours
if last < 9007199254740991 then version = math.max(version, last + 1) end
-- out of memory: without a version nothing of the group is valid either
if store(KEYS[1], KEYS[2], version, tonumber(ARGV[1])).err then redis.call('DEL', KEYS[1]) end
return version
