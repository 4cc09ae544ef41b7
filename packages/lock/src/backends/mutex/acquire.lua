-- Acquires the lock if it is free, nobody waits for it, and its last fence is behind the clock.
-- Otherwise, acquire-busy.lua decides.
-- needs clock.lua, lock-value.lua, create-lock.lua, acquire-busy.lua
-- KEYS[1] the lock  KEYS[2] its fence  KEYS[3] the token's tombstone  KEYS[4] the queue
-- ARGV[1] token  ARGV[2] sequence number of the request  ARGV[3] ttl in ms
-- ARGV[4] JSON description of the holder
-- ARGV[5] the waiter's ticket; 0: assign one; '': do not wait, and refuse the token if the lock is
-- busy; 'none': do not wait, and do not refuse the token
-- ARGV[6] 'fair' or 'barge'
-- returns one of
-- - the fence
-- - {fence, ms that the lock has left}, if the lock was handed over to the token
-- - {ms until a retry may help, ticket, a number that is at least every fence so far}
-- cost: O(1), and O(log n) in the number of waiters

local stored = command('MGET', KEYS[1], KEYS[2], KEYS[3])
if stored[1] or stored[3] or stored[2] and not isPast(stored[2])
  or command('ZRANGE', KEYS[4], '0', '0')[1]
then
  return acquireBusy(KEYS, ARGV, stored)
end
local fence = microsecondsText()
command('SET', KEYS[2], fence, 'PX', FENCE_TTL)
createLock(KEYS[1], ARGV[1], fence, ARGV[2], ARGV[3], ARGV[4])
return fence
