-- Adds to an entry that is a number. A load in progress can't fill, and a write in progress can't
-- store its value.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log
-- ARGV[1] a whole number to add
-- ARGV[2] the ttl of an entry that has none, ms (0: it does not expire)
-- ARGV[3…5] maybe: channel, sender and sequence of the announcement (announce.lua)
-- returns the sum. Returns an error, and changes nothing, if the sum exceeds ±(2^53 - 1), because
-- such a number can't be told from the next one
-- cost: O(1), and O(log n) in the number of writers
-- needs announce.lua, intents.lua

local hasWriters = countWriters(KEYS[3]) > 0 -- This comes first: what follows can't be done twice.
announce(KEYS[1], ARGV[3], ARGV[4], ARGV[5], KEYS[4])
local sum = redis.pcall('INCRBY', KEYS[1], ARGV[1])
-- The JSON of -0 is a number that INCRBY does not accept.
if type(sum) == 'table' and redis.call('GET', KEYS[1]) == '-0' then
  redis.call('SET', KEYS[1], '0', 'KEEPTTL')
  sum = redis.call('INCRBY', KEYS[1], ARGV[1])
end
if type(sum) == 'table' then return sum end
if math.abs(sum) > 9007199254740991 then
  redis.call('DECRBY', KEYS[1], ARGV[1])
  return redis.error_reply('ERR the sum would be beyond 2^53 - 1, or below its negative')
end
if ARGV[2] ~= '0' and redis.call('PTTL', KEYS[1]) == -1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
redis.call('DEL', KEYS[2])
if hasWriters then markConflict(KEYS[3]) end
return sum
