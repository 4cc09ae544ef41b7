-- Forgets what came after some shards when they were used before.
-- KEYS[1] the register of what comes after them
-- ARGV[1] when they are used again, ms: a register of later is not forgotten
-- cost: O(1)

local at = redis.call('HGET', KEYS[1], 'at')
if at and tonumber(at) < tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end
