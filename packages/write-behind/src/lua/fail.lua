-- Counts a failed attempt at an id's writes, for the partition's owner.
-- KEYS[1] the partition's owner  KEYS[2] failed attempts
-- ARGV[1] the worker's token  ARGV[2] id
-- returns how many there were, or 'lost': it has another owner
-- cost: O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
redis.call('HDEL', KEYS[2], '') -- no id is empty; a full server refuses HINCRBY only in a script that has not written yet
local count = redis.pcall('HINCRBY', KEYS[2], ARGV[2], 1)
if type(count) == 'number' then return count end
redis.call('HSET', KEYS[2], ARGV[2], '1') -- what was there was no number
return 1
