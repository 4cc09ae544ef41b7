-- Takes the lock; asked again with the same token, finds its own.
-- KEYS[1] the lock  KEYS[2] its fence  KEYS[3] its queue  KEYS[4] who in it is alive
-- ARGV[1] token  ARGV[2] ttl, ms  ARGV[3] about the holder  ARGV[4] ms for which the fence is remembered
-- ARGV[5] ms to keep a place in the queue, 0: none  ARGV[6] ticket of the place had before, or 0  ARGV[7] 'fair' or 'barge'
-- returns the fence, or {ms until asking again may help, place in the queue from 1, ticket}
-- cost: O(1), and O(log n) in the waiters

local value = command('GET', KEYS[1])
if isMine(value, ARGV[1]) then
  command('PEXPIRE', KEYS[1], ARGV[2])
  return string.match(value, ' (%d+)')
end

local queued = command('EXISTS', KEYS[3]) == 1
if value and ARGV[5] == '0' then return {command('PTTL', KEYS[1]), 0, '0'} end
local first, firstAlive = nil, 0
if queued then first, firstAlive = head(KEYS[3], KEYS[4]) end

if not value and (first == nil or first == ARGV[1] or ARGV[7] == 'barge') then
  local fence = nextFence(KEYS[2], ARGV[4])
  command('SET', KEYS[1], ARGV[1] .. ' ' .. fence .. ' ' .. whole(milliseconds()) .. ' ' .. ARGV[3], 'PX', ARGV[2])
  if first ~= nil then leaveQueue(KEYS[3], KEYS[4], ARGV[1]) end
  return fence
end
if ARGV[5] == '0' then return {firstAlive, 0, '0'} end

local ticket = keepPlace(KEYS[3], KEYS[4], ARGV[1], tonumber(ARGV[6]), tonumber(ARGV[5]))
local place = command('ZRANK', KEYS[3], ARGV[1]) + 1
local wait = tonumber(ARGV[5])
if not value then wait = firstAlive elseif place == 1 then wait = command('PTTL', KEYS[1]) end
return {wait, place, whole(ticket)}
