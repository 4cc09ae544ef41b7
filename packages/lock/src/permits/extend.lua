-- Lets a permit live longer, if it is still mine.
-- KEYS[1] the holders
-- ARGV[1] token  ARGV[2] ttl, ms
-- returns 1 if it was mine, else 0
-- cost: O(log n) in the holders

local now = milliseconds()
local ends = command('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now then return 0 end
hold(KEYS[1], ARGV[1], now, tonumber(ARGV[2]))
return 1
