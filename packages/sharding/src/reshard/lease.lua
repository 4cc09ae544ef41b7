-- Takes, or goes on having, the lease of the one that moves the rest.
-- KEYS[1] the lease
-- ARGV[1] ms for which it lasts  ARGV[2] 'free': only where nobody has it
-- returns 1, or 0 if somebody has it
-- cost: O(1)

if ARGV[2] == 'free' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', KEYS[1]) -- a full server refuses a script's first write that needs memory, and no later one
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 1
