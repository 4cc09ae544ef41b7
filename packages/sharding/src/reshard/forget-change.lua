-- Deletes a register that was left behind when its shards were used before.
-- KEYS[1] the register of the change that replaced those shards at that time
-- ARGV[…] ids of the changes that are undone; the register of a later change stays
-- returns 1 if the register was deleted, else 0
-- cost: O(1)
-- needs register-helpers.lua

deleteIfWrongType(KEYS[1], 'hash')
local id = redis.call('HGET', KEYS[1], 'id')
for i = 1, #ARGV do
  if ARGV[i] == id then
    return redis.call('DEL', KEYS[1])
  end
end
return 0
