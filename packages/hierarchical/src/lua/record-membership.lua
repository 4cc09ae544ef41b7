-- Records that a loaded group holds an item, unless the item has changed since that load began.
-- KEYS[1] the group memberships of the item: a hash from group to the stamp at which its load
--   began. The field '' has the stamp of the item's last change.
-- ARGV[1] the group
-- ARGV[2] the stamp at which the load began
-- ARGV[3] the time for which the membership must be known at least, ms
-- returns 1, or 0 if what was loaded is older than the change
-- cost: O(1)
-- needs foreign-values.lua of core

local changed = wholeNumber(redis.call('HGET', KEYS[1], ''))
if changed and changed > tonumber(ARGV[2]) then
  return 0
end
-- A load that ends late must not make a later load look older.
local recorded = wholeNumber(redis.call('HGET', KEYS[1], ARGV[1]))
if not recorded or recorded < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
