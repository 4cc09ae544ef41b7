-- Stores what a lease's holder loaded, if the lease is still its own and no newer version is there.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] maybe: the log
-- ARGV[1] token  ARGV[2] value  ARGV[3] ttl, ms  ARGV[4…6] maybe: what to announce it with (announce.lua), where it is a write
-- returns 1 if it stored, else 0
-- cost: O(1)

if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
announce(KEYS[1], ARGV[4], ARGV[5], ARGV[6], KEYS[3])
local mine = version(ARGV[2])
local theirs = mine and version(redis.call('GET', KEYS[1]))
local newer = theirs ~= nil and theirs > mine
if not newer then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
redis.call('DEL', KEYS[2])
return newer and 0 or 1
