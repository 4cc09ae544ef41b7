-- Notes that a group which was loaded has this item, unless the item has changed since that load
-- began.
-- KEYS[1] the item's holders: a hash of groups by the stamp of their load's begin; its field '' has
-- the stamp of the item's last change
-- ARGV[1] the group  ARGV[2] the stamp of the load's begin  ARGV[3] how long at least it is to be
-- known, ms
-- returns 1, or 0: what was loaded is older than the change
-- cost: O(1)
-- needs foreign-values.lua of core

local changed = wholeNumber(redis.call('HGET', KEYS[1], ''))
if changed and changed > tonumber(ARGV[2]) then return 0 end
-- One that comes late must not make a later load look older.
local since = wholeNumber(redis.call('HGET', KEYS[1], ARGV[1]))
if not since or since < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1
