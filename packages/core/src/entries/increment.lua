-- Adds to an entry that is a number. A load under way can't fill, and a write under way can't store
-- its value.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log
-- ARGV[1] a whole number to add  ARGV[2] how long an entry lives that has no end yet, ms (0: for
-- ever)
-- ARGV[3…5] maybe: what to announce it with (announce.lua)
-- returns the sum; an error, and nothing is changed, where it is beyond ±(2^53 - 1): such a number
-- can't be told from its neighbour
-- cost: O(1), and O(log n) in the writers under way

local writing = writers(KEYS[3]) > 0 -- first: what follows can't be done twice
announce(KEYS[1], ARGV[3], ARGV[4], ARGV[5], KEYS[4])
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if math.abs(sum) > 9007199254740991 then
  redis.call('DECRBY', KEYS[1], ARGV[1])
  return redis.error_reply('ERR the sum would be beyond 2^53 - 1, or below its negative')
end
if ARGV[2] ~= '0' and redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
redis.call('DEL', KEYS[2])
if writing then markConflict(KEYS[3]) end
return sum
