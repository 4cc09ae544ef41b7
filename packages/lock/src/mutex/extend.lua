-- Lets the lock live for ttl at least, if it is still mine. It never shortens its life, so that a late repetition does no harm.
-- KEYS[1] the lock
-- ARGV[1] token  ARGV[2] ttl, ms
-- returns 1 if it was mine, else 0
-- cost: O(1)

if not isMine(redis.call('GET', KEYS[1]), ARGV[1]) then return 0 end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
