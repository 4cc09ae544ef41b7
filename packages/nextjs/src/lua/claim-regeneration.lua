-- Asks for the right to regenerate a stale page.
-- KEYS[1] the holder of the right
-- ARGV[1] the token of the process that asks
-- ARGV[2] the ttl of the right, ms. It does not begin anew when the holder asks again.
-- returns 0 if it is granted, otherwise for how many ms another holder has it
-- cost: O(1)

local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then return 0 end
if holder then return math.max(1, redis.call('PTTL', KEYS[1])) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 0
