-- Takes a key out of its old place, unless that may be its current one again by now.
-- KEYS[1] the key  KEYS[2] the note that it has been used elsewhere
-- ARGV[1] the latest moment to do it, ms of the server's clock  ARGV[2] ms for which the note stays (0: none is needed)
-- returns 1, or 0 if it is too late
-- cost: O(1), and the size of the value in the background

local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[1]) then return 0 end
if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], '', 'PX', ARGV[2]) end
redis.call('UNLINK', KEYS[1])
return 1
