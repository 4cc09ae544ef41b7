-- Removes the memberships of an item in groups that were loaded before a change. These groups have
-- been dropped.
-- KEYS[1] the group memberships of the item
-- ARGV[1] the stamp of the change
-- returns the number of removed memberships
-- cost: O(n) in the groups that hold the item
-- needs foreign-values.lua of core

local memberships = redis.call('HGETALL', KEYS[1])
local removed = 0
for i = 1, #memberships, 2 do
  local group = memberships[i]
  local stamp = wholeNumber(memberships[i + 1]) or 0
  if group ~= '' and stamp < tonumber(ARGV[1]) then
    removed = removed + redis.call('HDEL', KEYS[1], group)
  end
end
return removed
