-- Puts a key that was read in its old place into its new one, unless somebody may have used it here
-- since then; and leaves a note that it may be used here.
-- KEYS[1] the key  KEYS[2] the note that it has been used here
-- ARGV[1] the latest moment to do it, ms of the server's clock  ARGV[2] ms for which the note stays
-- ('0': none is left)
-- ARGV[3] ms it has left to live (0: it does not expire)  ARGV[4] what DUMP gave (missing: there
-- was none)
-- returns 1, or 0 if it is too late
-- cost: O(size of the value)

local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[1]) then return 0 end
if ARGV[4] and redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 then redis.call('RESTORE', KEYS[1], ARGV[3], ARGV[4]) end
if ARGV[2] ~= '0' then
  redis.call('UNLINK', KEYS[2]) -- a full server refuses a script's first write that needs memory, and no later one
  redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
end
return 1
