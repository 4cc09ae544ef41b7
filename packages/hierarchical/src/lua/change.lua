-- Notes that an item has changed, and tells which groups may hold it as it was.
-- KEYS[1] the item's holders
-- ARGV[1] the change's stamp  ARGV[2] how long a load may still come that began before, ms
-- returns the groups
-- cost: O(n) in the groups that hold it
-- needs foreign-values.lua of core

local changed = wholeNumber(redis.call('HGET', KEYS[1], '')) or 0
redis.call('HDEL', KEYS[1], '') -- a full server takes what adds only after a write that does not
redis.call('HSET', KEYS[1], '', string.format('%.0f', math.max(changed, tonumber(ARGV[1]))))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
local groups = redis.call('HKEYS', KEYS[1])
for i = #groups, 1, -1 do
  if groups[i] == '' then table.remove(groups, i) end
end
return groups
