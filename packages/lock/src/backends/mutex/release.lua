-- Releases the lock, or leaves its queue, and wakes the next waiter. It writes a tombstone for the
-- token. A repeated release returns the result that the tombstone stores, and requests of the token
-- that arrive late acquire nothing.
-- needs clock.lua, queue.lua, lock-value.lua
-- KEYS[1] the lock  KEYS[2] the token's tombstone  KEYS[3] the queue
-- KEYS[4] until when each waiter counts as alive
-- ARGV[1] token  ARGV[2] prefix of the waiters' channels
-- ARGV[3] 'mine', or 'any' to release the lock whoever holds it; the token then identifies the
-- forced release
-- returns 1 if the lock was released, else 0
-- cost: O(1), and O(log n) in the number of waiters

-- A key of another type makes GET return an error, so the token does not hold the lock.
local value = redis.pcall('GET', KEYS[1])
local released = isHeldBy(value, ARGV[1])
if not released then
  local tombstone = command('GET', KEYS[2])
  if tombstone then return tonumber(tombstone) end
  released = value and ARGV[3] == 'any'
  -- This command needs no memory and comes before the SET: a full server then accepts the SET too.
  removeWaiter(KEYS[3], KEYS[4], ARGV[1])
end
if released then command('DEL', KEYS[1]) end
command('SET', KEYS[2], released and '1' or '0', 'PX', TOMBSTONE_TTL)
if (released or not value) and command('EXISTS', KEYS[3]) == 1 then
  local next = firstWaiter(KEYS[3], KEYS[4])
  if next then wakeWaiter(ARGV[2], next) end
end
return released and 1 or 0
