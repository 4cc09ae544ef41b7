-- Puts a key that was read in its old place into its new one, unless somebody may have used it here since then.
-- KEYS[1] the key  KEYS[2] the note that it has been used here
-- ARGV[1] what DUMP gave  ARGV[2] ms it has left to live (0: it does not expire)  ARGV[3] the latest moment to do it, ms of the server's clock
-- returns 1, or 0 if it is too late
-- cost: O(size of the value)

local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[3]) then return 0 end
if redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 then redis.call('RESTORE', KEYS[1], ARGV[2], ARGV[1]) end
return 1
