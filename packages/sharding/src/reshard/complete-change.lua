-- Records that every key has been moved, and releases the sweep lease.
-- KEYS[1] the register: a hash that says which layout replaces the present one
-- KEYS[2] the lease of the process that moved the remaining keys
-- ARGV[1] id of the change; the register may belong to another change by now
-- returns 1
-- cost: O(1)
-- needs register-helpers.lua

-- DEL comes first: a full server refuses only the first write of a script that needs memory.
redis.call('DEL', KEYS[2])
deleteIfWrongType(KEYS[1], 'hash')
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'done', 1)
end
return 1
