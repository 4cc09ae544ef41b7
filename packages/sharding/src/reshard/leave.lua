-- Takes a key out of a place that it is not used in, unless it may be used there again by now.
-- KEYS[1] the key  KEYS[2] the note that it is used elsewhere, if one is left
-- ARGV[1] the latest moment to do it, ms of the server's clock  ARGV[2] ms for which the note
-- stays, if one is left
-- returns 1, or 0 if it is too late
-- cost: O(1), and the size of the value in the background

local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[1]) then return 0 end
redis.call('UNLINK', KEYS[1]) -- first: a full server refuses a script's first write that needs memory, and no later one
if KEYS[2] then redis.call('SET', KEYS[2], '', 'PX', ARGV[2]) end
return 1
