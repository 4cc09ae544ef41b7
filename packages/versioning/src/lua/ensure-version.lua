-- Returns the version of a group for a value that is about to be loaded. A group that has no
-- version gets one.
-- KEYS[1] the group's version
-- KEYS[2] the intents of the writers that change the group's source
-- ARGV[1] the ttl of the version, ms. It begins anew if less than half of it is left and no writer
--   is changing the source.
-- returns the version
-- cost: O(1)
-- needs versions.lua

local version = current(KEYS[1])
if not version then
  version = microseconds()
  local reply = store(KEYS[1], KEYS[2], version, tonumber(ARGV[1]))
  return reply.err and reply or version
end
local left = redis.call('PTTL', KEYS[1])
if left < ARGV[1] / 2 and writersTtl(KEYS[2]) == 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return version
