-- Stores the highest fence that a majority of independent servers assigned, if the token holds the
-- lock here. The next holder then gets a higher one.
-- needs clock.lua, numbers.lua, last-fence.lua, fence.lua, is-held-by.lua
-- KEYS[1] the lock  KEYS[2] its fence
-- ARGV[1] token  ARGV[2] fence
-- returns 1 if the token holds the lock, else 0
-- cost: O(1)

local value = redis.pcall('GET', KEYS[1])
if not isHeldBy(value, ARGV[1]) then return 0 end
command('SET', KEYS[1], (string.gsub(value, ' %d+', ' ' .. ARGV[2], 1)), 'KEEPTTL')
if parseFence(command('GET', KEYS[2])) < tonumber(ARGV[2]) then storeFence(KEYS[2], ARGV[2]) end
return 1
