-- Hands the lock over to a waiter that was taken from the queue, or to the first one after it that
-- is alive, and tells its process the fence. Returns the message, or false if all of them are dead.
-- The lock is stored for the ms for which the waiter counts as alive. The waiter then extends it to
-- its ttl.
-- needs clock.lua, numbers.lua, waiters.lua, announce-hand-over.lua, fence.lua, lock-value.lua
-- KEYS as in release.lua

local token, process, ttl, holder = parseWaiter(waiter)
local left = aliveFor(KEYS[4], process, ticket)
while left <= 0 do
  waiter, ticket = unpack(command('ZPOPMIN', KEYS[4]))
  if not waiter then return false end
  token, process, ttl, holder = parseWaiter(waiter)
  left = aliveFor(KEYS[4], process, ticket)
end
local fence = nextFence(KEYS[2], lastFence)
local reserved = integer(math.min(tonumber(ttl), left))
command('SET', KEYS[1], lockValue(token, fence, '0', reserved, holder), 'PX', reserved)
return announceHandOver(channelPrefix, process, token, fence)
