-- Stores what a lease's holder loaded, if the lease is still its own and no newer version is there.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] maybe: the log
-- ARGV[1] token  ARGV[2] value  ARGV[3] ttl, ms  ARGV[4…6] maybe: what to announce it with (announce.lua), where it is a write
-- returns 1: stored, 0: the lease was lost, 2: a newer version was there; an error, and the lease is gone, where the server is full
-- cost: O(1)
-- needs announce.lua, version.lua

if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
announce(KEYS[1], ARGV[4], ARGV[5], ARGV[6], KEYS[3])
local mine = version(ARGV[2])
local theirs = mine and version(redis.call('GET', KEYS[1]))
if theirs and theirs > mine then
  redis.call('DEL', KEYS[2])
  return 2
end
local done = redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return done.err and done or 1
