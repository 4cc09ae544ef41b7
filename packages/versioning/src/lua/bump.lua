-- Gives a group a new version: later than the one before, and than any it may have had if that was lost.
-- KEYS[1] the group's version  KEYS[2] maybe: the log
-- ARGV[1] its ttl, ms  ARGV[2…4] maybe: what to announce it with
-- returns the version
-- cost: O(1)

local version = math.max(now(), (current(KEYS[1]) or 0) + 1)
local done = redis.pcall('SET', KEYS[1], text(version), 'PX', ARGV[1])
if done.err then redis.call('DEL', KEYS[1]) end -- out of memory: without a version nothing of the group is valid either
return version
