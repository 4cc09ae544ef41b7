-- Forgets what came after some shards when they were used before.
-- KEYS[1] the register of what comes after them
-- ARGV[…] what the changes are known by that are undone: a later one is not forgotten
-- cost: O(1)
-- needs own.lua

own(KEYS[1], 'hash')
local id = redis.call('HGET', KEYS[1], 'id')
for i = 1, #ARGV do
  if ARGV[i] == id then return redis.call('DEL', KEYS[1]) end
end
return 0
