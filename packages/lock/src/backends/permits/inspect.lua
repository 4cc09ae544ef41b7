-- Counts the holders and the waiters.
-- needs clock.lua, numbers.lua, waiters.lua
-- KEYS[1] the holders  KEYS[2] the queue
-- returns {holders, waiters}
-- cost: O(log n) in the number of holders and waiters

local now = integer(milliseconds())
return {command('ZCOUNT', KEYS[1], '(' .. now, '+inf'), command('ZCOUNT', KEYS[2], '-inf', TICKETS)}
