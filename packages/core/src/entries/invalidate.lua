-- Deletes an entry; a load under way can't fill, and a write under way can't store its value.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log
-- ARGV[1…3] maybe: what to announce it with (announce.lua)
-- returns 1 if there was an entry, else 0
-- cost: O(1), and O(log n) in the writers under way

announce(KEYS[1], ARGV[1], ARGV[2], ARGV[3], KEYS[4])
local existed = redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[2])
if writers(KEYS[3]) > 0 then markConflict(KEYS[3]) end
return existed
