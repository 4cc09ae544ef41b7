-- Gives a partition back, and leaves a mark: what its owner asked for before and arrives late
-- acquires nothing.
-- KEYS[1] the partition's owner  KEYS[2] the mark
-- ARGV[1] the owner's token  ARGV[2] how long the mark stays, ms
-- returns 1 if it was its own
-- cost: O(1)

redis.call('DEL', KEYS[2]) -- a full server refuses SET only in a script that has not written yet
local was = redis.call('GET', KEYS[1]) == ARGV[1]
if was then redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
return was and 1 or 0
