-- Acquires a lock that no other token holds. If the token holds the lock already, it returns its
-- fence again. Returns the reply of acquire.lua, or nil and the ms for which the first waiter still
-- counts as alive.
-- needs clock.lua, numbers.lua, waiters.lua, first-waiter.lua, last-fence.lua, fence.lua,
-- create-lock.lua, extend-ttl.lua, remaining-ttl.lua

local value = stored[1]
if value then
  local fence, sequence = string.match(value, '^%S+ (%d+) %d+ (%d+) %d+ ')
  if not fence then return nil end
  -- A request changes nothing here: it may have been sent before the lock was handed over.
  if sequence == '0' then return {fence, remainingTtl(KEYS[1], value)} end
  extendTtl(KEYS[1], value, ARGV[2], tonumber(ARGV[3]))
  return fence
end
local first, firstAlive = firstWaiter(KEYS[4])
if first and first ~= waiter and ARGV[6] ~= 'barge' then return nil, firstAlive end
local fence = nextFence(KEYS[2], stored[2])
createLock(KEYS[1], ARGV[1], fence, ARGV[2], ARGV[3], ARGV[4])
if first then command('ZREM', KEYS[4], waiter) end
return fence
