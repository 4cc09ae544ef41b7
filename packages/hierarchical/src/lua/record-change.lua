-- Records that an item has changed, and returns the groups that may hold it as it was.
-- KEYS[1] the group memberships of the item
-- ARGV[1] the stamp of the change
-- ARGV[2] the time in which a load that began before may still end, ms
-- returns the groups
-- cost: O(n) in the groups that hold the item
-- needs foreign-values.lua of core

local changed = wholeNumber(redis.call('HGET', KEYS[1], '')) or 0
-- A full server accepts a write that adds data only after a write that does not.
redis.call('HDEL', KEYS[1], '')
redis.call('HSET', KEYS[1], '', string.format('%.0f', math.max(changed, tonumber(ARGV[1]))))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local groups = redis.call('HKEYS', KEYS[1])
for i = #groups, 1, -1 do
  if groups[i] == '' then
    table.remove(groups, i)
  end
end
return groups
