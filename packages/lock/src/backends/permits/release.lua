-- Releases a permit, or leaves the queue, and wakes the next waiter. It writes a tombstone for the
-- token. A repeated release returns the result that the tombstone stores, and requests of the token
-- that arrive late acquire nothing.
-- needs clock.lua, queue.lua, holders.lua
-- KEYS[1] the holders  KEYS[2] their details  KEYS[3] the token's tombstone  KEYS[4] the queue
-- KEYS[5] until when each waiter counts as alive
-- ARGV[1] token  ARGV[2] prefix of the waiters' channels  ARGV[3] permits
-- returns 1 if the permit was released, else 0
-- cost: O(log n) in the number of holders and waiters

removeExpired(KEYS[1], KEYS[2])
local released = removeHolder(KEYS[1], KEYS[2], ARGV[1])
if not released then
  local tombstone = command('GET', KEYS[3])
  if tombstone then return tonumber(tombstone) end
  removeWaiter(KEYS[4], KEYS[5], ARGV[1])
end
-- SET comes after the commands that need no memory: only then does a full server accept it.
command('SET', KEYS[3], released and '1' or '0', 'PX', TOMBSTONE_TTL)
if command('EXISTS', KEYS[4]) == 1 then
  local next = firstWaiter(KEYS[4], KEYS[5])
  if next and canJoin(KEYS[1], next, tonumber(ARGV[3])) then wakeWaiter(ARGV[2], next) end
end
return released and 1 or 0
