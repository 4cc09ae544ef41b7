-- Functions for the intents of an entry: which writes are in progress, and which attempts were
-- given up. Put before the scripts that use them.
--
-- The intents are a sorted set. Its members and their scores:
--   token of a writer  the deadline of the write, in ms of the server's clock
--   'conflict'         +inf. It exists while writers overlapped, or an invalidation came between
--                      the begin and the commit of one
--   'longest'          -(the longest ttl of the writers in the set, in ms)
--   any other token    -(the time until which it is remembered). Its attempt to write or to load is
--                      over, and must not succeed late
--   'yields ' + token  -(the time until which it applies). The next caller that asks for the lease
--                      of this token may take it over
-- needs foreign-values.lua, time.lua

-- Removes `conflict` and `longest`. Called when the last writer is gone.
local function removeMarkers(intents)
  redis.call('ZREM', intents, 'conflict', 'longest')
end

-- Caps deadlines after the clock was set back. An intent with more time left than any was given is
-- from before that. Its remaining time is not known, but it is at most the time it was given, and
-- at most a week, whoever wrote it.
local function capDeadlines(intents, time)
  local longest = -(redis.call('ZSCORE', intents, 'longest') or 0)
  local latest = time + math.min(longest, 604800000)
  for _, token in ipairs(redis.call('ZRANGEBYSCORE', intents, '(' .. latest, '(inf')) do
    redis.call('ZADD', intents, latest, token)
  end
end

-- Removes what is past its deadline, and returns the number of writers that are left. Deletes a set
-- without a ttl, because none of ours is without one.
local function countWriters(intents)
  local life = redis.call('PTTL', intents)
  if life == -1 and redis.call('DEL', intents) == 1 then
    reportForeignValue(intents, 'without an end')
  end
  if life < 0 then return 0 end
  local time = milliseconds()
  redis.call('ZREMRANGEBYSCORE', intents, 0, '(' .. time)
  redis.call('ZREMRANGEBYSCORE', intents, '(-' .. time, -1e12)
  local writers = redis.call('ZCOUNT', intents, 0, '(inf')
  if writers == 0 then removeMarkers(intents) else capDeadlines(intents, time) end
  return writers
end

local function markConflict(intents)
  redis.call('ZADD', intents, '+inf', 'conflict')
end

-- Makes the set live for at least `ttl` ms. It outlives its last deadline, so that only the clock
-- of `countWriters` ends intents.
local function extendLife(intents, ttl)
  if redis.call('PTTL', intents) < ttl then redis.call('PEXPIRE', intents, ttl) end
end

-- Gives up the attempt of a token. Its steps that arrive within `ttl` ms do nothing.
local function giveUp(intents, token, ttl)
  -- A full server accepts a command that adds only after a write that does not.
  redis.call('ZREM', intents, token)
  redis.call('ZADD', intents, -(milliseconds() + ttl), token)
  extendLife(intents, ttl)
end

local function isGivenUp(intents, token)
  local score = redis.call('ZSCORE', intents, token)
  return score and tonumber(score) < 0
end

-- Allows others to take over the lease of a token for `ttl` ms.
local function allowTakeover(intents, token, ttl)
  redis.call('ZADD', intents, -(milliseconds() + ttl), 'yields ' .. token)
  extendLife(intents, ttl)
end

local function allowsTakeover(intents, token)
  return redis.call('ZSCORE', intents, 'yields ' .. token)
end
