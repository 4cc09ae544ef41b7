-- Reads the holder of the lock.
-- needs clock.lua, numbers.lua, waiters.lua
-- KEYS[1] the lock  KEYS[2] its queue
-- returns {value of the lock, remaining ttl in ms, number of waiters}, or nil if nobody holds it
-- cost: O(log n) in the number of waiters

local value = command('GET', KEYS[1])
if not value then return nil end
return {value, command('PTTL', KEYS[1]), command('ZCOUNT', KEYS[2], '-inf', TICKETS)}
