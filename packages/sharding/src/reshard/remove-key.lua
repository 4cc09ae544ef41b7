-- Removes a key from a shard where it is not in use, unless the deadline has passed: later the key
-- may be used there again.
-- KEYS[1] the key
-- KEYS[2] the marker that the key is used on another shard; missing: leave no marker
-- ARGV[1] deadline, in ms of this server's clock
-- ARGV[2] ttl of the marker in ms, if one is left
-- returns 1, or 0 if the deadline has passed
-- cost: O(1), and O(size of the value) in the background
-- needs time.lua of core

local now = milliseconds()
if now > tonumber(ARGV[1]) then
  return 0
end
-- UNLINK comes first: a full server refuses only the first write of a script that needs memory.
redis.call('UNLINK', KEYS[1])
if KEYS[2] then
  redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
end
return 1
