-- Shared by the scripts that look at writers under way, and at attempts that were given up; put
-- before them. The intents of an entry are a sorted set. Its members, and their scores:
--   a writer's token   its deadline, in ms of the server's clock
--   'conflict'         +inf; there while writers overlapped, or an invalidation came between one's begin and commit
--   'longest'          -(the longest ttl of the writers that are there, ms)
--   another token      -(the moment until which it is remembered): its attempt to write or to load
--                      is over, and must not succeed late
--   'yields ' + token  -(the moment until which that is so): whoever asks for the lease with this
--                      token may take it over
-- needs foreign-values.lua

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Drops `conflict` and `longest` with the last writer.
local function dropMarks(intents)
  redis.call('ZREM', intents, 'conflict', 'longest')
end

-- An intent that has longer to live than any was given is from before the clock was set back. How
-- much it has left is not known: no more than it was given, and no more than a week, whoever has
-- put it there.
local function shorten(intents, time)
  local latest = time + math.min(-(redis.call('ZSCORE', intents, 'longest') or 0), 604800000)
  for _, token in ipairs(redis.call('ZRANGEBYSCORE', intents, '(' .. latest, '(inf')) do redis.call('ZADD', intents, latest, token) end
end

-- Drops what is past its deadline, and a set that never ends, which none of ours does. Returns how
-- many writers are left.
local function writers(intents)
  local life = redis.call('PTTL', intents)
  if life == -1 and redis.call('DEL', intents) == 1 then reportForeignValue(intents, 'without an end') end
  if life < 0 then return 0 end
  local time = now()
  redis.call('ZREMRANGEBYSCORE', intents, 0, '(' .. time)
  redis.call('ZREMRANGEBYSCORE', intents, '(-' .. time, -1e12)
  local left = redis.call('ZCOUNT', intents, 0, '(inf')
  if left == 0 then dropMarks(intents) else shorten(intents, time) end
  return left
end

local function markConflict(intents)
  redis.call('ZADD', intents, '+inf', 'conflict')
end

-- The set lives past its last deadline, so that intents are dropped by the clock of `writers`
-- alone.
local function keepFor(intents, ttl)
  if redis.call('PTTL', intents) < ttl then redis.call('PEXPIRE', intents, ttl) end
end

-- What a token has begun is over, and what of it comes within `ttl` ms does nothing.
local function giveUp(intents, token, ttl)
  -- a full server takes what adds only after a write that does not
  redis.call('ZREM', intents, token)
  redis.call('ZADD', intents, -(now() + ttl), token)
  keepFor(intents, ttl)
end

local function mayYield(intents, token, ttl)
  redis.call('ZADD', intents, -(now() + ttl), 'yields ' .. token)
  keepFor(intents, ttl)
end

local function yields(intents, token)
  return redis.call('ZSCORE', intents, 'yields ' .. token)
end

local function isGivenUp(intents, token)
  local score = redis.call('ZSCORE', intents, token)
  return score and tonumber(score) < 0
end
