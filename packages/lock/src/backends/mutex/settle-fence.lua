-- Notes the fence that a majority of independent servers gave, if the lock is still mine, so that
-- whoever comes next gets a higher one.
-- KEYS[1] the lock  KEYS[2] its fence
-- ARGV[1] token  ARGV[2] fence
-- returns 1 if the lock was mine, else 0
-- cost: O(1)

local value = redis.pcall('GET', KEYS[1])
if not isMine(value, ARGV[1]) then return 0 end
command('SET', KEYS[1], (string.gsub(value, ' %d+', ' ' .. ARGV[2], 1)), 'KEEPTTL')
if fenceOf(command('GET', KEYS[2])) < tonumber(ARGV[2]) then rememberFence(KEYS[2], ARGV[2]) end
return 1
