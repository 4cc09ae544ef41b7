-- Acquires a permit, or enters the queue. If the token holds a permit already, it returns its fence
-- again. A token that was released or refused before acquires nothing.
-- needs clock.lua, numbers.lua, waiters.lua, first-waiter.lua, enqueue.lua, last-fence.lua,
-- fence.lua, mark-refused.lua, holders.lua, hand-over.lua
-- KEYS[1] the holders  KEYS[2] the fence  KEYS[3] the token's tombstone  KEYS[4] the queue
-- KEYS[5] the details of the holders
-- ARGV[1] token  ARGV[2] sequence number of the request  ARGV[3] ttl in ms  ARGV[4] permits
-- ARGV[5] the waiter's ticket; 0: assign one; '': do not wait, and refuse the token if no permit is
-- free
-- ARGV[6] 'fair' or 'barge'  ARGV[7] prefix of the waiters' channels
-- returns one of
-- - the fence
-- - {fence, ms that the permit has left}, if it was handed over to the token
-- - {ms until a retry may help, ticket, a number that is at least every fence so far}
-- cost: O(log n) in the number of holders and waiters, for each permit that is handed over

local token, ttl, permits = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local stored = command('MGET', KEYS[2], KEYS[3])
if stored[2] then return {0, '0', '0'} end
local count = command('ZCARD', KEYS[1])
if count > 0 then
  count = count - removeExpired(KEYS[1], KEYS[5])
  local left, fence, handedOver = extendPermit(KEYS[1], KEYS[5], token, ARGV[2], ttl, true)
  if left then
    if fence == '0' then fence = nextFence(KEYS[2], stored[1]) end -- its details were lost
    return handedOver and {fence, left} or fence
  end
end

local waiter = token .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]
local first, wait
if canJoin(KEYS[1], count, token, permits) then
  first, wait = firstWaiter(KEYS[4])
  if first == nil or first == waiter or ARGV[6] == 'barge' then
    local fence = nextFence(KEYS[2], stored[1])
    addHolder(KEYS[1], KEYS[5], count, token, fence, ARGV[2], ttl)
    if first then
      command('ZREM', KEYS[4], waiter)
      handOver(KEYS, ARGV[7], fence)
    end
    return fence
  end
elseif ARGV[5] ~= '0' then
  correctExpiries(KEYS[1], KEYS[5])
end

if ARGV[5] == '' then
  markRefused(KEYS[3])
  return {wait or untilFree(KEYS[1]), '0', '0'}
end
local ticket, others = enqueue(KEYS[4], waiter, ARGV[5])
wait = wait or others and WAITER_TTL or untilFree(KEYS[1])
return {wait, ticket, highestFence(stored[1])}
