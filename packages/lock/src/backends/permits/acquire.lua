-- Acquires a permit. If the token holds one already, it returns its fence again. A token that was
-- released or refused before acquires nothing.
-- needs clock.lua, queue.lua, fence.lua, holders.lua, mark-refused.lua
-- KEYS[1] the holders  KEYS[2] their details  KEYS[3] the fence  KEYS[4] the token's tombstone
-- KEYS[5] the queue  KEYS[6] until when each waiter counts as alive
-- ARGV[1] token  ARGV[2] sequence number of the request  ARGV[3] ttl in ms  ARGV[4] permits
-- ARGV[5] the waiter's ticket; 0: assign one; '': do not wait, and refuse the token if no permit is
-- free
-- ARGV[6] 'fair' or 'barge'  ARGV[7] prefix of the waiters' channels
-- returns the fence, or {ms until a retry may help, position in the queue from 1, ticket}
-- cost: O(log n) in the number of holders and waiters

local token, sequence = ARGV[1], ARGV[2]
local ttl, permits = tonumber(ARGV[3]), tonumber(ARGV[4])
local stored = command('MGET', KEYS[3], KEYS[4])
if stored[2] then return {0, 0, '0'} end
removeExpired(KEYS[1], KEYS[2])
local left, heldFence = extendPermit(KEYS[1], KEYS[2], token, sequence, ttl)
if left then return heldFence end

local first, firstAlive = firstWaiter(KEYS[5], KEYS[6])
local free = canJoin(KEYS[1], token, permits)
if free and (first == nil or first == token or ARGV[6] == 'barge') then
  local fence = nextFence(KEYS[3], stored[1])
  addHolder(KEYS[1], KEYS[2], token, fence, sequence, ttl)
  if first ~= nil then
    removeWaiter(KEYS[5], KEYS[6], token)
    local next = firstWaiter(KEYS[5], KEYS[6])
    if next and canJoin(KEYS[1], next, permits) then wakeWaiter(ARGV[7], next) end
  end
  return fence
end

if not free then correctExpiries(KEYS[1], KEYS[2]) end
local now = milliseconds()
local firstExpiry = tonumber(command('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or now)
local untilFree = math.max(1, firstExpiry - now)
if ARGV[5] == '' then
  markRefused(KEYS[4])
  return {free and firstAlive or untilFree, 0, '0'}
end
local ticket = enqueue(KEYS[5], KEYS[6], token, tonumber(ARGV[5]))
local position = command('ZRANK', KEYS[5], token) + 1
local wait = WAITER_TTL
if position == 1 then
  wait = untilFree
elseif free then
  wait = firstAlive
end
return {wait, position, integer(ticket)}
