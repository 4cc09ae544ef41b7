-- Joins a change of shards, or begins it: the first to ask says when it will be, by this server's
-- clock.
-- KEYS[1] the register of what comes after the present shards
-- ARGV[1] what is to come  ARGV[2] ms until then, if nobody has asked before ('look': nothing is
-- begun)  ARGV[3] ms after which it is forgotten, unless somebody keeps it
-- ARGV[4] what this change is known by, if nobody has asked before  ARGV[5] what the changes are
-- known by that this one undoes, likewise
-- ARGV[6] ms by which the moment may be wrong, likewise
-- returns what is to come, when, whether everything has been moved (1, else 0), what it is known
-- by, what it undoes, ms by which `when` may be wrong, the server's clock; times in ms; nil where
-- there is no change
-- cost: O(1)
-- needs own.lua

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
own(KEYS[1], 'hash')
local isThere = redis.call('HEXISTS', KEYS[1], 'next') == 1 and whole(redis.call('HGET', KEYS[1], 'at'))
if ARGV[2] ~= 'look' and not isThere then
  redis.call('DEL', KEYS[1]) -- a full server refuses a script's first write that needs memory, and no later one
  redis.call('HSET', KEYS[1], 'next', ARGV[1], 'at', string.format('%.0f', now + ARGV[2]), 'id', ARGV[4], 'undoes', ARGV[5], 'error', ARGV[6])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
local known = redis.call('HMGET', KEYS[1], 'next', 'at', 'done', 'id', 'undoes', 'error')
if ARGV[2] == 'look' and not isThere then return nil end
return known[1] and {known[1], known[2], whole(known[3]) or 0, known[4] or '', known[5] or '', whole(known[6]) or 0, string.format('%.0f', now)}
