-- Gives a partition back and leaves a mark. A request to acquire it with the same token that
-- arrives after the mark acquires nothing.
-- KEYS[1] the owner of the partition
-- KEYS[2] the mark
-- ARGV[1] the token of the owner
-- ARGV[2] how long the mark stays, ms
-- returns 1 if the token owned the partition, otherwise 0
-- cost: O(1)

-- DEL comes first: a full server refuses SET only in a script that has not written yet.
redis.call('DEL', KEYS[2])
local is_owner = redis.call('GET', KEYS[1]) == ARGV[1]
if is_owner then redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
return is_owner and 1 or 0
