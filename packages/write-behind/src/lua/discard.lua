-- Forgets a dead letter.
-- KEYS[1] the dead letters  KEYS[2] what became of writes
-- ARGV[1] the letter
-- returns 1, or 0 if there is none
-- cost: O(1)

local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return 0 end
redis.call('HDEL', KEYS[2], letter[2][1]:sub(3))
return redis.call('XDEL', KEYS[1], ARGV[1])
