-- Takes, or goes on having, the lease of the one that moves the rest.
-- KEYS[1] the lease
-- ARGV[1] what it is to hold, another text each time  ARGV[2] ms for which it lasts  ARGV[3] what
-- it may hold now ('*': anything), if there is one
-- returns nil, or what it holds if somebody else has it
-- cost: O(1)
-- needs own.lua

own(KEYS[1], 'string')
local held = redis.call('GET', KEYS[1])
-- not what a process of ours has put there
if held and not held:match('^[%w_.%-]+$') then held = false end
if held and held ~= ARGV[3] and ARGV[3] ~= '*' then return held end
redis.call('DEL', KEYS[1]) -- a full server refuses a script's first write that needs memory, and no later one
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
