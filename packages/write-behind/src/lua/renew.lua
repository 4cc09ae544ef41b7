-- Goes on owning a partition; also when its key has expired (a server clock that was set forward), if nobody else has owned it since.
-- KEYS[1] the partition's owner  KEYS[2] its fence  KEYS[3] a mark: this ownership was given up
-- ARGV[1] the owner's token  ARGV[2] ttl, ms  ARGV[3] its fence
-- returns 1, or 0: it is another's
-- cost: O(1)

local owner = redis.call('GET', KEYS[1])
if owner == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if owner or redis.call('EXISTS', KEYS[3]) == 1 or redis.call('GET', KEYS[2]) ~= ARGV[3] then return 0 end
redis.call('DEL', KEYS[1]) -- a full server refuses SET only in a script that has not written yet
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
