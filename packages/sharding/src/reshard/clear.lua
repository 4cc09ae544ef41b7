-- Removes what nobody uses in its place, unless it may be used there by now.
-- KEYS[1] the key
-- ARGV[1] the latest moment to do it, ms of the server's clock
-- returns 1, or 0 if it is too late
-- cost: O(1), and the size of the value in the background

local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[1]) then return 0 end
redis.call('UNLINK', KEYS[1])
return 1
