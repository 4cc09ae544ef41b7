-- Shared by the scripts that make versions; put before them.
-- A version is a time in µs, as decimal text: unique, ever-growing, and exact in a double.
-- needs foreign-values.lua of core

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- The version that stands at a key; nil where there is none, or something else.
local function current(key)
  local text = redis.call('GET', key)
  local version = wholeNumber(text)
  return version and string.format('%.0f', version) == text and version or nil
end

-- Ms that those have left who change the source (the intents of core: a writer's score is its
-- deadline, all others are below 0 or infinite).
local function writing(intents)
  local last = redis.call('ZREVRANGEBYSCORE', intents, '(inf', 0, 'WITHSCORES', 'LIMIT', 0, 1)[2]
  return last and math.max(last - math.floor(now() / 1000), 0) or 0
end

-- Stores a version for so many ms, or as long as another cache wants it kept; while the source is
-- being changed, no longer than that may
-- take: should the one who changes it die, what was loaded meanwhile ends then.
local function store(key, intents, version, ttl)
  local life = writing(intents)
  local left = life > 0 and math.min(life, ttl) or math.max(redis.call('PTTL', key), ttl)
  return redis.pcall('SET', key, string.format('%.0f', version), 'PX', string.format('%.0f', left))
end
