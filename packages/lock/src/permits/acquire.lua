-- Takes a permit; asked again with the same token, finds its own.
-- KEYS[1] the holders  KEYS[2] the fence  KEYS[3] the queue  KEYS[4] who in it is alive
-- ARGV[1] token  ARGV[2] ttl, ms  ARGV[3] permits  ARGV[4] ms for which the fence is remembered
-- ARGV[5] ms to keep a place in the queue, 0: none  ARGV[6] ticket of the place had before, or 0  ARGV[7] 'fair' or 'barge'
-- ARGV[8] what the waiters' channels begin with
-- returns the fence, or {ms until asking again may help, place in the queue from 1, ticket}
-- cost: O(log n) in the holders and the waiters

local token, ttl, permits = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = milliseconds()
dropExpired(KEYS[1], now)
if command('ZSCORE', KEYS[1], token) then
  hold(KEYS[1], token, now, ttl)
  return nextFence(KEYS[2], ARGV[4])
end

local first, firstAlive = head(KEYS[3], KEYS[4])
local free = fits(KEYS[1], token, permits)
if free and (first == nil or first == token or ARGV[7] == 'barge') then
  local fence = nextFence(KEYS[2], ARGV[4])
  hold(KEYS[1], token, now, ttl)
  if first ~= nil then
    leaveQueue(KEYS[3], KEYS[4], token)
    local next = head(KEYS[3], KEYS[4])
    if next and fits(KEYS[1], next, permits) then wake(ARGV[8], next) end
  end
  return fence
end

local untilOneEnds = math.max(1, tonumber(command('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or now) - now)
if ARGV[5] == '0' then return {free and firstAlive or untilOneEnds, 0, '0'} end
local ticket = keepPlace(KEYS[3], KEYS[4], token, tonumber(ARGV[6]), tonumber(ARGV[5]))
local place = command('ZRANK', KEYS[3], token) + 1
local wait = tonumber(ARGV[5])
if place == 1 then wait = untilOneEnds elseif free then wait = firstAlive end
return {wait, place, whole(ticket)}
