-- Deletes an entry. A load in progress can't fill, and a write in progress can't store its value.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log
-- ARGV[1] a version: if the entry has a newer one, nothing is done ('': delete every version)
-- ARGV[2…4] maybe: channel, sender and sequence of the announcement (announce.lua)
-- returns 1 if an entry was deleted, else 0
-- cost: O(1), and O(log n) in the number of writers
-- needs announce.lua, intents.lua, version.lua

if ARGV[1] ~= '' then
  local theirs = version(redis.call('GET', KEYS[1]))
  if theirs and theirs > tonumber(ARGV[1]) then return 0 end
end
announce(KEYS[1], ARGV[2], ARGV[3], ARGV[4], KEYS[4])
-- The DEL comes before any command that adds, so that a full server accepts those too.
local existed = redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[2])
if countWriters(KEYS[3]) > 0 then markConflict(KEYS[3]) end
return existed
