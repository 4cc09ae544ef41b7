-- Announces a write of the source. Until its commit nobody fills, and the old value lives no longer than the intent.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log
-- ARGV[1] token  ARGV[2] intent's ttl, ms  ARGV[3] 'read' to be told the value that the write changes  ARGV[4…6] maybe: what to announce it with (announce.lua)
-- returns 1, or the value
-- cost: O(log n) in the writers under way

announce(KEYS[1], ARGV[4], ARGV[5], ARGV[6], KEYS[4])
local ttl = tonumber(ARGV[2])
redis.call('DEL', KEYS[2])
local others = writers(KEYS[3])
if redis.call('ZSCORE', KEYS[3], ARGV[1]) then others = others - 1 end -- asked again after a lost reply
redis.call('ZADD', KEYS[3], now() + ttl, ARGV[1])
if others > 0 then markConflict(KEYS[3]) end
-- The set lives past its last deadline, so that expired intents are dropped by the clock of `writers` alone.
if redis.call('PTTL', KEYS[3]) < ttl + 1000 then redis.call('PEXPIRE', KEYS[3], ttl + 1000) end

local life = redis.call('PTTL', KEYS[1])
if life == -1 or life > ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
return ARGV[3] == 'read' and redis.call('GET', KEYS[1]) or 1
