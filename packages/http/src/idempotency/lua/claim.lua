-- Claims a key for one run of its handler.
--
-- KEYS: the record (a hash), the claim (a string with a ttl), the mark of this run (release.lua)
-- ARGV: token, fingerprint, ttl of the claim, ttl of the record, '1' to refuse after a crash
-- Returns { 'started', attempt } | { 'running', ms } | { 'done', response } | { 'mismatch' }
--   | { 'unknown' } | { 'left' }
if redis.call('EXISTS', KEYS[3]) == 1 then return {'left'} end
local record = redis.call('HMGET', KEYS[1], 'fingerprint', 'state', 'attempt')
if record[1] and record[1] ~= ARGV[2] then return {'mismatch'} end
if record[2] == 'done' then return {'done', redis.call('HGET', KEYS[1], 'response')} end
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[1] then return {'started', tonumber(record[3])} end
if holder then return {'running', redis.call('PTTL', KEYS[2])} end
if record[2] and ARGV[5] == '1' then return {'unknown'} end
local attempt = (tonumber(record[3] or '0') or 0) + 1
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'state', 'running', 'attempt', attempt,
  'token', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
return {'started', attempt}
