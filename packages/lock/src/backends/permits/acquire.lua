-- Takes a permit; asked again with the same token, finds its own. A token that has left, or was
-- refused, gets nothing any more.
-- KEYS[1] the holders  KEYS[2] details of them  KEYS[3] the fence  KEYS[4] the token's receipt 
-- KEYS[5] the queue  KEYS[6] who in it is alive
-- ARGV[1] token  ARGV[2] number of the step  ARGV[3] ttl, ms  ARGV[4] permits
-- ARGV[5] ticket of the place in the queue had before, 0 to be given one, or '' to keep none and to
-- be refused
-- ARGV[6] 'fair' or 'barge'  ARGV[7] what the waiters' channels begin with
-- returns the fence, or {ms until asking again may help, place in the queue from 1, ticket}
-- cost: O(log n) in the holders and the waiters

local token, step, ttl, permits = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local known = command('MGET', KEYS[3], KEYS[4])
if known[2] then return {0, 0, '0'} end
dropExpired(KEYS[1], KEYS[2])
local left, mine = prolong(KEYS[1], KEYS[2], token, step, ttl)
if left then return mine end

local first, firstAlive = head(KEYS[5], KEYS[6])
local free = fits(KEYS[1], token, permits)
if free and (first == nil or first == token or ARGV[6] == 'barge') then
  local fence = nextFence(KEYS[3], known[1])
  hold(KEYS[1], KEYS[2], token, fence, step, ttl)
  if first ~= nil then
    leaveQueue(KEYS[5], KEYS[6], token)
    local next = head(KEYS[5], KEYS[6])
    if next and fits(KEYS[1], next, permits) then wake(ARGV[7], next) end
  end
  return fence
end

if not free then mindClock(KEYS[1], KEYS[2]) end
local now = milliseconds()
local untilOneEnds = math.max(1, tonumber(command('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or now) - now)
if ARGV[5] == '' then
  refuse(KEYS[4])
  return {free and firstAlive or untilOneEnds, 0, '0'}
end
local ticket = keepPlace(KEYS[5], KEYS[6], token, tonumber(ARGV[5]))
local place = command('ZRANK', KEYS[5], token) + 1
local wait = PLACE_TTL
if place == 1 then wait = untilOneEnds elseif free then wait = firstAlive end
return {wait, place, whole(ticket)}
