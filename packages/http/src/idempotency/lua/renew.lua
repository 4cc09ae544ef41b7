-- Keeps the claim and the record of a run that is still going on.
--
-- KEYS: the record, the claim
-- ARGV: token, ttl of the claim, ttl of the record
-- Returns 1 if the claim is kept, 0 if the run was fenced off or has ended.
local record = redis.call('HMGET', KEYS[1], 'token', 'state')
if record[1] ~= ARGV[1] or record[2] ~= 'running' then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
