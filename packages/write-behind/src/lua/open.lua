-- Opens a session: what a writer attempts is recognised by it.
-- KEYS[1] the session
-- ARGV[1] its first attempt  ARGV[2] ttl, ms
-- returns 1
-- cost: O(1)

if not wholeNumber(redis.call('HGET', KEYS[1], 'floor')) then
  redis.call('DEL', KEYS[1]) -- a full server refuses HSET only in a script that has not written yet
  redis.call('HSET', KEYS[1], 'floor', ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
