-- Takes the lock; asked again with the same token, finds its own.
-- KEYS[1] the lock  KEYS[2] its fence  KEYS[3] its queue  KEYS[4] who in it is alive
-- ARGV[1] token  ARGV[2] ttl, ms  ARGV[3] about the holder  ARGV[4] ms for which the fence is remembered
-- ARGV[5] ms to keep a place in the queue, 0: none  ARGV[6] ticket of the place had before, or 0  ARGV[7] 'fair' or 'barge'
-- returns {'held', fence} or {'busy', ms until asking again may help, place in the queue from 1, ticket}
-- cost: O(1), and O(log n) in the waiters

local value = redis.call('GET', KEYS[1])
if isMine(value, ARGV[1]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {'held', string.match(value, ' (%d+)')}
end

local queued = redis.call('EXISTS', KEYS[3]) == 1
if value and ARGV[5] == '0' then return {'busy', redis.call('PTTL', KEYS[1]), 0, '0'} end
local time = redis.call('TIME')
local now = milliseconds(time)
local first, firstAlive = nil, 0
if queued then first, firstAlive = head(KEYS[3], KEYS[4], now) end

if not value and (first == nil or first == ARGV[1] or ARGV[7] == 'barge') then
  local fence = nextFence(KEYS[2], time, ARGV[4])
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. fence .. ' ' .. string.format('%.0f', now) .. ' ' .. ARGV[3], 'PX', ARGV[2])
  if first ~= nil then leaveQueue(KEYS[3], KEYS[4], ARGV[1]) end
  return {'held', fence}
end
if ARGV[5] == '0' then return {'busy', firstAlive, 0, '0'} end

local ticket = keepPlace(KEYS[3], KEYS[4], ARGV[1], tonumber(ARGV[6]), now, time, tonumber(ARGV[5]))
local place = redis.call('ZRANK', KEYS[3], ARGV[1]) + 1
local wait = tonumber(ARGV[5])
if not value then wait = firstAlive elseif place == 1 then wait = redis.call('PTTL', KEYS[1]) end
return {'busy', wait, place, string.format('%.0f', ticket)}
