-- Notes the fence that a majority of independent servers gave, if the lock is still mine, so that whoever comes next gets a higher one.
-- KEYS[1] the lock  KEYS[2] its fence
-- ARGV[1] token  ARGV[2] fence  ARGV[3] ms for which it is remembered
-- returns 1 if the lock was mine, else 0
-- cost: O(1)

local value = redis.call('GET', KEYS[1])
if not isMine(value, ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], (string.gsub(value, ' %d+', ' ' .. ARGV[2], 1)), 'KEEPTTL')
if tonumber(redis.call('GET', KEYS[2]) or 0) < tonumber(ARGV[2]) then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
return 1
