-- Acquires a lock that is held, or for which others wait, or enters the queue. If the token holds
-- the lock already, it returns its fence again. A token that was released or refused before
-- acquires nothing. acquire.lua describes the arguments and the replies. `stored` holds the values
-- of the first three keys.
-- needs clock.lua, waiters.lua, enqueue.lua, fence.lua, mark-refused.lua, lock-value.lua,
-- create-lock.lua, extend-ttl.lua, remaining-ttl.lua

local value, token, ticket = stored[1], ARGV[1], tonumber(ARGV[5])
if stored[3] then return {0, '0', '0'} end
local fence, sequence
if isHeldBy(value, token) then
  fence, sequence = string.match(value, '^%S+ (%d+) %d+ (%d+) %d+ ')
end
if fence then
  -- A request changes nothing here: it may have been sent before the lock was handed over.
  if sequence == '0' then return {fence, remainingTtl(KEYS[1], value)} end
  extendTtl(KEYS[1], value, ARGV[2], tonumber(ARGV[3]))
  return fence
end

if value and not ticket then
  if ARGV[5] == '' then markRefused(KEYS[3]) end
  return {remainingTtl(KEYS[1], value), '0', '0'}
end
local waiter = token .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]
local first, firstAlive
if not value then
  first, firstAlive = firstWaiter(KEYS[4])
  if first == nil or first == waiter or ARGV[6] == 'barge' then
    fence = nextFence(KEYS[2], stored[2])
    createLock(KEYS[1], token, fence, ARGV[2], ARGV[3], ARGV[4])
    if first then command('ZREM', KEYS[4], waiter) end
    return fence
  end
  if not ticket then
    if ARGV[5] == '' then markRefused(KEYS[3]) end
    return {firstAlive, '0', '0'}
  end
end

local assigned, others = enqueue(KEYS[4], token, waiter, ticket)
local wait = firstAlive or WAITER_TTL
if value and not others then wait = remainingTtl(KEYS[1], value) end
local highest = math.max(parseFence(stored[2]), microseconds())
return {wait, integer(assigned), integer(highest)}
