-- Announces a write of the source. Until its commit no load fills, and the old value lives no
-- longer than the intent.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log
-- ARGV[1] token  ARGV[2] ttl of the intent, ms
-- ARGV[3] 'read' to get the current value, or ''
-- ARGV[4…6] maybe: channel, sender and sequence of the announcement (announce.lua)
-- returns 1, or the value. Returns an error, and does nothing, if the write is over
-- cost: O(log n) in the number of writers
-- needs announce.lua, intents.lua, time.lua

local others = countWriters(KEYS[3])
local mine = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]))
if mine and mine < 0 then return redis.error_reply('ERR this write has ended') end
if mine then others = others - 1 end -- The request was repeated after a lost reply.
announce(KEYS[1], ARGV[4], ARGV[5], ARGV[6], KEYS[4])
local ttl = tonumber(ARGV[2])
-- The DEL comes before any command that adds, so that a full server accepts those too.
redis.call('DEL', KEYS[2])
redis.call('ZADD', KEYS[3], milliseconds() + ttl, ARGV[1])
local longest = -(redis.call('ZSCORE', KEYS[3], 'longest') or 0)
if ttl > longest then redis.call('ZADD', KEYS[3], -ttl, 'longest') end
if others > 0 then markConflict(KEYS[3]) end
extendLife(KEYS[3], ttl + 1000)

local life = redis.call('PTTL', KEYS[1])
if life == -1 or life > ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
return ARGV[3] == 'read' and redis.call('GET', KEYS[1]) or 1
