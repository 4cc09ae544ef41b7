-- Acquires the lock. If the token holds it already, it returns its fence again. A token that was
-- released or refused before acquires nothing.
-- needs clock.lua, queue.lua, fence.lua, mark-refused.lua, lock-value.lua, create-lock.lua,
-- extend-ttl.lua, remaining-ttl.lua
-- KEYS[1] the lock  KEYS[2] its fence  KEYS[3] the token's tombstone  KEYS[4] the queue
-- KEYS[5] until when each waiter counts as alive
-- ARGV[1] token  ARGV[2] sequence number of the request  ARGV[3] ttl in ms
-- ARGV[4] JSON description of the holder
-- ARGV[5] the waiter's ticket; 0: assign one; '': do not wait, and refuse the token if the lock is
-- busy; 'none': do not wait, and do not refuse the token
-- ARGV[6] 'fair' or 'barge'
-- returns the fence, or {ms until a retry may help, position in the queue from 1, ticket}
-- cost: O(1), and O(log n) in the number of waiters

local stored = command('MGET', KEYS[1], KEYS[2], KEYS[3])
local value, ticket = stored[1], tonumber(ARGV[5])
if stored[3] then return {0, 0, '0'} end
if isHeldBy(value, ARGV[1]) then
  extendTtl(KEYS[1], value, ARGV[2], tonumber(ARGV[3]))
  return string.match(value, ' (%d+)')
end

local queued = command('EXISTS', KEYS[4]) == 1
if value and not ticket then
  if ARGV[5] == '' then markRefused(KEYS[3]) end
  return {remainingTtl(KEYS[1], value), 0, '0'}
end
local first, firstAlive = nil, 0
if queued then first, firstAlive = firstWaiter(KEYS[4], KEYS[5]) end

if not value and (first == nil or first == ARGV[1] or ARGV[6] == 'barge') then
  local fence = nextFence(KEYS[2], stored[2])
  createLock(KEYS[1], ARGV[1], fence, ARGV[2], ARGV[3], ARGV[4])
  if first ~= nil then removeWaiter(KEYS[4], KEYS[5], ARGV[1]) end
  return fence
end
if not ticket then
  if ARGV[5] == '' then markRefused(KEYS[3]) end
  return {firstAlive, 0, '0'}
end

ticket = enqueue(KEYS[4], KEYS[5], ARGV[1], ticket)
local position = command('ZRANK', KEYS[4], ARGV[1]) + 1
local wait = WAITER_TTL
if not value then
  wait = firstAlive
elseif position == 1 then
  wait = remainingTtl(KEYS[1], value)
end
return {wait, position, integer(ticket)}
