-- Deletes an entry; a load under way can't fill, and a write under way can't store its value.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents
-- returns 1 if there was an entry, else 0
-- cost: O(1), and O(log n) in the writers under way

local existed = redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[2])
if writers(KEYS[3]) > 0 then markConflict(KEYS[3]) end
return existed
