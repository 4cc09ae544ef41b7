-- Gives a lease back without a value: the load failed, or its answer is not to be cached.
-- KEYS[1] the entry  KEYS[2] its lease
-- ARGV[1] token  ARGV[2] ms for which others should load for themselves without waiting (0: the next one may take the lease)
-- returns 1 if the lease was still the token's, else 0
-- cost: O(1)

if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2]) -- first: a full server takes what adds only after a write that does not
if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], 'skip', 'PX', ARGV[2]) end
return 1
