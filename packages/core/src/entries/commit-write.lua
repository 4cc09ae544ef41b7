-- Ends a write of the source. Stores its value if that is safe, otherwise deletes the entry.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log
-- ARGV[1] token
-- ARGV[2] 'value' | 'none' (the write failed, or its result is not known)
-- ARGV[3] value  ARGV[4] ttl, ms (0: it does not expire)
-- ARGV[5] ms for which steps of this write may still arrive (0: none will)
-- ARGV[6…8] maybe: channel, sender and sequence of the announcement (announce.lua)
-- returns 'stored', 'kept' (there was a newer version) or 'deleted'
-- cost: O(log n) in the number of writers
-- needs announce.lua, intents.lua, set-value.lua, time.lua, version.lua

announce(KEYS[1], ARGV[6], ARGV[7], ARGV[8], KEYS[4])
local writers = countWriters(KEYS[3])
local conflict = redis.call('ZSCORE', KEYS[3], 'conflict')
local inTime = not isGivenUp(KEYS[3], ARGV[1]) and redis.call('ZREM', KEYS[3], ARGV[1]) == 1
local others = inTime and writers - 1 or writers
if others == 0 then
  removeMarkers(KEYS[3])
elseif not inTime then
  markConflict(KEYS[3])
end
redis.call('DEL', KEYS[2])
if ARGV[5] ~= '0' then giveUp(KEYS[3], ARGV[1], tonumber(ARGV[5])) end

local function delete()
  redis.call('DEL', KEYS[1])
  return 'deleted'
end

local function store(ttl)
  local reply = setValue(KEYS[1], ARGV[3], ttl)
  if not reply.err then return 'stored' end
  delete() -- The server is out of memory. The old value must not outlive the write.
  error(reply)
end

if ARGV[2] ~= 'value' then return delete() end

local mine = version(ARGV[3])
if not mine then return inTime and not conflict and store(ARGV[4]) or delete() end

-- Of two versions the newer one wins. Between overlapping writers, only an existing value proves
-- that nothing newer was stored and lost again. A value that is stored under the intent of another
-- writer lives no longer than that intent.
local theirs = version(redis.call('GET', KEYS[1]))
if theirs and theirs > mine then return 'kept' end
if not inTime or (conflict and not theirs) then return delete() end
if others == 0 then return store(ARGV[4]) end
local deadline = redis.call('ZRANGEBYSCORE', KEYS[3], 0, '(inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
local left = deadline - milliseconds()
local ttl = tonumber(ARGV[4])
if ttl == 0 or ttl > left then ttl = left end
return left > 0 and store(ttl) or delete()
