-- Takes the lock; asked again with the same token, finds its own. A token that has left, or was
-- refused, gets nothing any more.
-- KEYS[1] the lock  KEYS[2] its fence  KEYS[3] the token's receipt  KEYS[4] the lock's queue 
-- KEYS[5] who in it is alive
-- ARGV[1] token  ARGV[2] number of the step  ARGV[3] ttl, ms  ARGV[4] about the holder
-- ARGV[5] ticket of the place in the queue had before, 0 to be given one; '' to keep none and to be
-- refused; 'none' to keep none
-- ARGV[6] 'fair' or 'barge'
-- returns the fence, or {ms until asking again may help, place in the queue from 1, ticket}
-- cost: O(1), and O(log n) in the waiters

local known = command('MGET', KEYS[1], KEYS[2], KEYS[3])
local value, ticket = known[1], tonumber(ARGV[5])
if known[3] then return {0, 0, '0'} end
if isMine(value, ARGV[1]) then
  prolong(KEYS[1], value, ARGV[2], tonumber(ARGV[3]))
  return string.match(value, ' (%d+)')
end

local queued = command('EXISTS', KEYS[4]) == 1
if value and not ticket then
  if ARGV[5] == '' then refuse(KEYS[3]) end
  return {remaining(KEYS[1], value), 0, '0'}
end
local first, firstAlive = nil, 0
if queued then first, firstAlive = head(KEYS[4], KEYS[5]) end

if not value and (first == nil or first == ARGV[1] or ARGV[6] == 'barge') then
  local fence = nextFence(KEYS[2], known[2])
  take(KEYS[1], ARGV[1], fence, ARGV[2], ARGV[3], ARGV[4])
  if first ~= nil then leaveQueue(KEYS[4], KEYS[5], ARGV[1]) end
  return fence
end
if not ticket then
  if ARGV[5] == '' then refuse(KEYS[3]) end
  return {firstAlive, 0, '0'}
end

ticket = keepPlace(KEYS[4], KEYS[5], ARGV[1], ticket)
local place = command('ZRANK', KEYS[4], ARGV[1]) + 1
local wait = PLACE_TTL
if not value then wait = firstAlive elseif place == 1 then wait = remaining(KEYS[1], value) end
return {wait, place, whole(ticket)}
