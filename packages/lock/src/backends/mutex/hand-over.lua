-- Hands the lock over to a waiter, and tells its process the fence. The lock is stored for `left`,
-- the ms for which the waiter counts as alive. The waiter then extends it to its ttl. If the user
-- may not publish, the waiter learns of it when it polls.
-- needs clock.lua, waiters.lua, fence.lua, lock-value.lua
local function handOver(key, fenceKey, lastFence, waiter, left, channelPrefix)
  local token, ttl, holder = string.match(waiter, '^(%S+) (%d+) (.*)$')
  local fence = nextFence(fenceKey, lastFence)
  local reserved = integer(math.min(tonumber(ttl), left))
  command('SET', key, lockValue(token, fence, '0', reserved, holder), 'PX', reserved)
  redis.pcall('PUBLISH', channelPrefix .. processOf(token), token .. ' ' .. fence)
end
