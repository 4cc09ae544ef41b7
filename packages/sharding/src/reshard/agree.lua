-- Joins a change of shards, or begins it: the first to ask says when it will be, by this server's clock.
-- KEYS[1] the register of what comes after the present shards
-- ARGV[1] what is to come  ARGV[2] ms until then, if nobody has asked before ('look': nothing is begun)  ARGV[3] ms after which it is forgotten, unless somebody keeps it
-- ARGV[4] what this change is known by, if nobody has asked before
-- returns what is to come, when, whether everything has been moved (1, else 0), what it is known by, the server's clock; times in ms; nil where there is no change
-- cost: O(1)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= 'look' and redis.call('HSETNX', KEYS[1], 'next', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'at', string.format('%.0f', now + ARGV[2]), 'id', ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
local known = redis.call('HMGET', KEYS[1], 'next', 'at', 'done', 'id')
return known[1] and {known[1], known[2], tonumber(known[3] or 0), known[4], string.format('%.0f', now)}
