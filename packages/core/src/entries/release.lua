-- Gives a lease back without a value: the load failed, or its answer is not to be cached.
-- KEYS[1] the lease
-- ARGV[1] token  ARGV[2] ms for which others should load for themselves without waiting (0: the next one may take the lease)
-- returns 1 if the lease was still the token's, else 0
-- cost: O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], 'skip', 'PX', ARGV[2])
end
return 1
