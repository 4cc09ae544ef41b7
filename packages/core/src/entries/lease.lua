-- Asks for the right to load a missing or stale entry.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: a hash of values that
-- go before what is cached
-- ARGV[1] token  ARGV[2] lease's ttl, ms  ARGV[3] an entry with no more than this to live, in ms,
-- is stale (-1: none is; 'all': every one)
-- ARGV[4] 'wait' while another holds the lease, or 'take' it over
-- ARGV[5] the entry's field in that hash  ARGV[6] the ttl with which it is put back, ms
-- ARGV[7] maybe: an entry with this stamp ('': with none) is stale too, and not told (stamp.lua)
-- an error where the server takes no writes, and nothing else is to be answered with
-- returns {'hit' | 'bypass' | 'skip' | 'wait' | 'leased', value or nil, ms it has left to live, ms
-- the lease in the way has left},
--   or, as nearly always, 1: leased, and there is no value
--   bypass: load, but don't fill: a writer is under way, or this request was given up before it arrived
--   skip: load, but don't fill: the last loader said that its answer is not to be cached ('wait' only)
-- cost: O(1), and O(log n) in the writers under way
-- needs intents.lua, foreign-values.lua, stamp.lua

if redis.call('EXISTS', unpack(KEYS)) == 0 then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  return 1
end

local kept = KEYS[4] and redis.call('HGET', KEYS[4], ARGV[5])
local refused = kept and redis.pcall('SET', KEYS[1], kept, 'PX', ARGV[6]).err
-- A server that is full, or can't save to its disk, has all that was acknowledged: it is answered
-- with all the same.
if refused and not (refused:find('OOM ', 1, true) or refused:find('MISCONF ', 1, true)) then
  return redis.error_reply(refused)
end

local value = refused and kept or redis.call('GET', KEYS[1])
if value and ARGV[7] and stamp(value) == ARGV[7] then value = false end
local life = refused and tonumber(ARGV[6]) or value and redis.call('PTTL', KEYS[1]) or 0
local stale = ARGV[3] == 'all' and math.huge or tonumber(ARGV[3])
if value and (life > stale or (life == -1 and stale < math.huge)) then return {'hit', value, life, 0} end

if writers(KEYS[3]) > 0 or isGivenUp(KEYS[3], ARGV[1]) then return {'bypass', value, life, 0} end

local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] and ARGV[4] == 'wait' and not yields(KEYS[3], holder) then
  local left = redis.call('PTTL', KEYS[2])
  if left > tonumber(ARGV[2]) then -- it was taken before the clock was set back
    left = tonumber(ARGV[2])
    redis.call('PEXPIRE', KEYS[2], left)
  end
  if left >= 0 then return {holder == 'skip' and 'skip' or 'wait', value, life, left} end
  reportForeignValue(KEYS[2], 'without an end')
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {'leased', value, life, 0}
