-- Acquires several locks, or none of them. It acquires them only if all are free and nobody waits
-- for any of them. If the token holds them already, it returns their fences again. A token that was
-- released or refused before acquires nothing.
-- needs clock.lua, numbers.lua, waiters.lua, first-waiter.lua, last-fence.lua, fence.lua,
-- mark-refused.lua, is-held-by.lua, lock-value.lua, create-lock.lua
-- KEYS four for each lock, as in acquire.lua
-- ARGV[1] token  ARGV[2] sequence number of the request  ARGV[3] ttl in ms
-- ARGV[4] JSON description of the holder
-- returns a fence for each lock, or nil
-- cost: O(n) in the number of locks

local fences, last, busy = {}, {}, false
for i = 1, #KEYS, 4 do
  local value = command('GET', KEYS[i])
  local stored = command('MGET', KEYS[i + 1], KEYS[i + 2])
  last[i] = stored[1]
  if stored[2] then return nil end
  if isHeldBy(value, ARGV[1]) then
    fences[#fences + 1] = string.match(value, ' (%d+)')
  elseif value or firstWaiter(KEYS[i + 3]) then
    busy = true
  end
end
if #fences > 0 then return 4 * #fences == #KEYS and fences or nil end
if busy then
  for i = 3, #KEYS, 4 do
    markRefused(KEYS[i])
  end
  return nil
end
for i = 1, #KEYS, 4 do
  local fence = nextFence(KEYS[i + 1], last[i])
  createLock(KEYS[i], ARGV[1], fence, ARGV[2], ARGV[3], ARGV[4])
  fences[#fences + 1] = fence
end
return fences
