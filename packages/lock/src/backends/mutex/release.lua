-- Releases the lock, or leaves its queue. The lock is handed over to the first waiter that is
-- alive, and a message tells it its fence. A waiter gets the lock for the time for which it counts
-- as alive, and then extends it, so that a waiter that died does not hold it for its ttl.
--
-- It writes a tombstone for the token. A repeated release returns the result that the tombstone
-- stores, and requests of the token that arrive late acquire nothing.
-- needs clock.lua, waiters.lua, fence.lua, lock-value.lua
-- KEYS[1] the lock  KEYS[2] its fence  KEYS[3] the token's tombstone  KEYS[4] the queue
-- ARGV[1] token  ARGV[2] its ttl in ms  ARGV[3] JSON description of its holder
-- ARGV[4] prefix of the waiters' channels
-- ARGV[5] 'mine', or 'any' to release the lock whoever holds it; the token then identifies the
-- forced release
-- returns 1 if the lock was released, else 0
-- cost: O(1), and O(log n) in the number of waiters

-- MGET returns nil for a key of another type, so the token does not hold such a lock.
local stored = command('MGET', KEYS[1], KEYS[2], KEYS[3])
local exists, released = stored[1], isHeldBy(stored[1], ARGV[1])
if not released then
  if stored[3] then return tonumber(stored[3]) end
  exists = exists or command('EXISTS', KEYS[1]) == 1
  released = exists and ARGV[5] == 'any'
  command('ZREM', KEYS[4], table.concat({ARGV[1], ARGV[2], ARGV[3]}, ' '))
end
local mayTake = released or not exists
-- ZPOPMIN, ZREM and DEL need no memory and come first: a full server then accepts SET as well.
local waiter, left = firstWaiter(KEYS[4], mayTake)
if mayTake and waiter then
  handOver(KEYS[1], KEYS[2], stored[2], waiter, left, ARGV[4])
elseif released then
  command('DEL', KEYS[1])
end
command('SET', KEYS[3], released and '1' or '0', 'PX', TOMBSTONE_TTL)
return released and 1 or 0
