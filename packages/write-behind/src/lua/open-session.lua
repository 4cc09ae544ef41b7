-- Opens a session, which identifies the attempts of a writer.
-- needs session.lua, foreign-values.lua of core
-- KEYS[1] the session
-- ARGV[1] floor: the first attempt of the session
-- ARGV[2] the ttl of the session, ms
-- returns 1
-- cost: O(1)

if not wholeNumber(redis.call('HGET', KEYS[1], 'floor')) then
  -- DEL comes first: a full server refuses HSET only in a script that has not written yet.
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'floor', ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
