-- Functions for the scripts that make versions. Put before these scripts.
-- A version is a time in µs as decimal text: unique, ever-growing, and exact as a double.
-- needs foreign-values.lua and time.lua of core

-- Returns the version at a key, or nil if there is none or another text.
local function current(key)
  local text = redis.call('GET', key)
  local version = wholeNumber(text)
  return version and string.format('%.0f', version) == text and version or nil
end

-- Returns the ms that the writers of the source have left, or 0. In the intents of core, the score
-- of a writer is its deadline; all other scores are below 0 or infinite.
local function writersTtl(intents)
  local last = redis.call('ZREVRANGEBYSCORE', intents, '(inf', 0, 'WITHSCORES', 'LIMIT', 0, 1)[2]
  return last and math.max(last - milliseconds(), 0) or 0
end

-- Stores a version for `ttl` ms, or for as long as another cache wants to keep it. While a writer
-- changes the source, the version lives no longer than the writer may take: if the writer dies, the
-- values that were loaded meanwhile end then.
local function store(key, intents, version, ttl)
  local writing = writersTtl(intents)
  local life = writing > 0 and math.min(writing, ttl) or math.max(redis.call('PTTL', key), ttl)
  return redis.pcall('SET', key, string.format('%.0f', version), 'PX', string.format('%.0f', life))
end
