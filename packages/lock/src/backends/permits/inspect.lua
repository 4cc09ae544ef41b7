-- Counts the holders and the waiters.
-- needs clock.lua
-- KEYS[1] the holders  KEYS[2] the queue
-- returns {holders, waiters}
-- cost: O(log n) in the number of holders

local now = integer(milliseconds())
return {command('ZCOUNT', KEYS[1], '(' .. now, '+inf'), command('ZCARD', KEYS[2])}
