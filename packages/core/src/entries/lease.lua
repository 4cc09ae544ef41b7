-- Asks for the right to load a missing or stale entry.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents
-- KEYS[4…] the keys of the pattern that asks
-- ARGV[1] token  ARGV[2] ttl of the lease, ms
-- ARGV[3] an entry with at most this many ms left to live is stale (-1: none is; 'all': every one)
-- ARGV[4] 'wait' while another holds the lease, or 'take' it over
-- ARGV[5…] the arguments of the pattern that asks
-- returns 1 in the most frequent case: leased, and there is no value. Otherwise
--   {status, value or nil, ms the value has left to live, ms the current lease has left}
--   status is one of
--   hit      the entry is fresh
--   leased   load, then fill
--   wait     another caller loads
--   bypass   load, but do not fill: a write is in progress, or this request was given up before it
--            arrived
--   skip     load, but do not fill: the last loader asked not to cache its value ('wait' only)
-- cost: O(1), and O(log n) in the number of writers
-- needs intents.lua, foreign-values.lua and `currentValue` (define-lease.ts)

if redis.call('EXISTS', unpack(KEYS)) == 0 then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  return 1
end

local value, life = currentValue(KEYS, ARGV)
life = life or value and redis.call('PTTL', KEYS[1]) or 0
local staleBelow = ARGV[3] == 'all' and math.huge or tonumber(ARGV[3])
if value and (life > staleBelow or (life == -1 and staleBelow < math.huge)) then
  return {'hit', value, life, 0}
end

if countWriters(KEYS[3]) > 0 or isGivenUp(KEYS[3], ARGV[1]) then
  return {'bypass', value, life, 0}
end

local holder = redis.call('GET', KEYS[2])
local isHeldByOther = holder and holder ~= ARGV[1]
if isHeldByOther and ARGV[4] == 'wait' and not allowsTakeover(KEYS[3], holder) then
  local left = redis.call('PTTL', KEYS[2])
  if left > tonumber(ARGV[2]) then -- The lease was taken before the clock was set back.
    left = tonumber(ARGV[2])
    redis.call('PEXPIRE', KEYS[2], left)
  end
  if left >= 0 then return {holder == 'skip' and 'skip' or 'wait', value, life, left} end
  reportForeignValue(KEYS[2], 'without an end')
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {'leased', value, life, 0}
