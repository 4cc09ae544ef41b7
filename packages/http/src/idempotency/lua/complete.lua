-- Stores the response of a run, unless a later attempt has taken the key over.
--
-- KEYS: the record, the claim
-- ARGV: token, ttl of the record, response
-- Returns 1 if the response is stored, 0 if the run was fenced off.
local record = redis.call('HMGET', KEYS[1], 'token', 'state')
if record[1] ~= ARGV[1] then return 0 end
if record[2] == 'done' then return 1 end
redis.call('HSET', KEYS[1], 'state', 'done', 'response', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
