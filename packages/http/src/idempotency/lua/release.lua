-- Forgets a run that changed nothing, so that the next request with its key runs at once. The mark
-- keeps a claim of the same run from being made after this, by a command that was delayed.
--
-- KEYS: the record, the claim, the mark of this run
-- ARGV: token, ttl of the mark
-- Returns 1 if the key was free or is now, 0 if it belongs to another run or has a response.
redis.call('SET', KEYS[3], '1', 'PX', ARGV[2])
local record = redis.call('HMGET', KEYS[1], 'token', 'state')
if not record[1] then return 1 end
if record[1] ~= ARGV[1] or record[2] ~= 'running' then return 0 end
redis.call('DEL', KEYS[1])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
