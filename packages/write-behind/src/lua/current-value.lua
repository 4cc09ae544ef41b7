-- Makes a pending value the entry, when a lease of the entry is requested (defineLease of core).
-- KEYS[1] the entry  KEYS[4] the pending values: a hash
-- ARGV[5] the field of the entry  ARGV[6] the ttl with which its value becomes the entry, ms
-- returns the pending value and its ttl, or the value of the entry if nothing is pending
-- cost: O(1)

local pending = redis.call('HGET', KEYS[4], ARGV[5])
if not pending then return redis.call('GET', KEYS[1]) end
local refused = redis.pcall('SET', KEYS[1], pending, 'PX', ARGV[6]).err
-- A server that is full, or can't save to its disk, has everything it acknowledged. The value is
-- returned all the same. Any other server that takes no writes may not have it.
if refused and not (refused:find('OOM ', 1, true) or refused:find('MISCONF ', 1, true)) then
  error({err = refused})
end
return pending, tonumber(ARGV[6])
