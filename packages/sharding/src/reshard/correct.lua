-- Corrects the moment of a change by so much as the server's clock was set, unless somebody else
-- has.
-- KEYS[1] the register of what comes after the present shards
-- ARGV[1] the moment as it was read, ms  ARGV[2] as it is to be  ARGV[3] ms by which that may be
-- wrong  ARGV[4] ms after which it is forgotten, unless somebody keeps it
-- cost: O(1)
-- needs own.lua

own(KEYS[1], 'hash')
if redis.call('HGET', KEYS[1], 'at') ~= ARGV[1] then return 0 end
local wrong = whole(redis.call('HGET', KEYS[1], 'error')) or 0
redis.call('HDEL', KEYS[1], 'at') -- a full server refuses a script's first write that needs memory, and no later one
redis.call('HSET', KEYS[1], 'at', ARGV[2], 'error', wrong + ARGV[3])
return redis.call('PEXPIRE', KEYS[1], ARGV[4])
