-- Restores a lock on one of several independent servers that has forgotten it. It changes nothing
-- if another token holds the lock there, or if the token was released.
-- needs clock.lua, numbers.lua, last-fence.lua, fence.lua, is-held-by.lua, lock-value.lua, create-lock.lua
-- KEYS[1] the lock  KEYS[2] its fence  KEYS[3] the token's tombstone
-- ARGV[1] token  ARGV[2] sequence number of the request  ARGV[3] ttl in ms
-- ARGV[4] JSON description of the holder  ARGV[5] its fence
-- returns 1 if the token holds the lock now, 0 if another one does, -1 if the token was released
-- cost: O(1)

local stored = command('MGET', KEYS[1], KEYS[2], KEYS[3])
if stored[3] then return -1 end
if stored[1] then return isHeldBy(stored[1], ARGV[1]) and 1 or 0 end
createLock(KEYS[1], ARGV[1], ARGV[5], ARGV[2], ARGV[3], ARGV[4])
if parseFence(stored[2]) < tonumber(ARGV[5]) then storeFence(KEYS[2], ARGV[5]) end
return 1
