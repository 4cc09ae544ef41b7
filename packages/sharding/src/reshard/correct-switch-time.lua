-- Corrects the switch time of a change after the server's clock was set, unless another process has
-- corrected it already.
-- KEYS[1] the register: a hash that says which layout replaces the present one
-- ARGV[1] the switch time as it was read, in ms
-- ARGV[2] the corrected switch time, in ms
-- ARGV[3] ms to add to the error bound of the switch time
-- ARGV[4] ms after which the register expires unless a process persists it
-- returns 1, or 0 if the switch time is no longer the one that was read
-- cost: O(1)
-- needs register-helpers.lua

deleteIfWrongType(KEYS[1], 'hash')
if redis.call('HGET', KEYS[1], 'at') ~= ARGV[1] then
  return 0
end
local errorBound = parseWholeNumber(redis.call('HGET', KEYS[1], 'error')) or 0
-- A full server refuses only the first write of a script that needs memory. HDEL needs none.
redis.call('HDEL', KEYS[1], 'at')
redis.call('HSET', KEYS[1], 'at', ARGV[2], 'error', errorBound + ARGV[3])
return redis.call('PEXPIRE', KEYS[1], ARGV[4])
