-- Deletes an entry; a load under way can't fill, and a write under way can't store its value.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log
-- ARGV[1] maybe: a version; an entry with a newer one stays, and nothing is done ('': every entry
-- goes)
-- ARGV[2…4] maybe: what to announce it with (announce.lua)
-- returns 1 if an entry was deleted, else 0
-- cost: O(1), and O(log n) in the writers under way
-- needs announce.lua, intents.lua, version.lua

if ARGV[1] ~= '' then
  local theirs = version(redis.call('GET', KEYS[1]))
  if theirs and theirs > tonumber(ARGV[1]) then return 0 end
end
announce(KEYS[1], ARGV[2], ARGV[3], ARGV[4], KEYS[4])
-- before anything is added: then a full server takes that as well
local existed = redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[2])
if writers(KEYS[3]) > 0 then markConflict(KEYS[3]) end
return existed
