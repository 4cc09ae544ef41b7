-- Raises the fence's memory to what its holder was given, if the lock is still mine: for a majority of independent servers.
-- KEYS[1] the lock  KEYS[2] its fence
-- ARGV[1] token  ARGV[2] fence  ARGV[3] ms for which it is remembered
-- returns 1 if the lock was mine, else 0
-- cost: O(1)

if not isMine(redis.call('GET', KEYS[1]), ARGV[1]) then return 0 end
if tonumber(redis.call('GET', KEYS[2]) or 0) < tonumber(ARGV[2]) then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
return 1
