-- Makes an entry stale: it lives on for at most as long as a stale entry may. A load in progress
-- can't fill.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] maybe: the log
-- ARGV[1] how long a stale entry may live, ms (0: delete it)
-- ARGV[2…4] maybe: channel, sender and sequence of the announcement (announce.lua)
-- returns 1 if there was an entry, else 0
-- cost: O(1)
-- needs announce.lua

announce(KEYS[1], ARGV[2], ARGV[3], ARGV[4], KEYS[3])
redis.call('DEL', KEYS[2])
if ARGV[1] == '0' then return redis.call('DEL', KEYS[1]) end
local life = redis.call('PTTL', KEYS[1])
if life == -2 then return 0 end
if life == -1 or life > tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
