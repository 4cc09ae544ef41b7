-- Forgets the groups of an item that were loaded before a change, and have been dropped since.
-- KEYS[1] the item's holders
-- ARGV[1] the change's stamp
-- returns how many they were
-- cost: O(n) in the groups that hold it
-- needs foreign-values.lua of core

local held, forgotten = redis.call('HGETALL', KEYS[1]), 0
for i = 1, #held, 2 do
  if held[i] ~= '' and (wholeNumber(held[i + 1]) or 0) < tonumber(ARGV[1]) then forgotten = forgotten + redis.call('HDEL', KEYS[1], held[i]) end
end
return forgotten
