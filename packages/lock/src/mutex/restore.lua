-- Puts a lock back on one of several independent servers that has forgotten it, unless somebody else has it there or its token has left.
-- KEYS[1] the lock  KEYS[2] its fence  KEYS[3] the token's receipt
-- ARGV[1] token  ARGV[2] number of the step  ARGV[3] ttl, ms  ARGV[4] about the holder  ARGV[5] its fence
-- returns 1 if it was put back, else 0
-- cost: O(1)

local known = command('MGET', KEYS[1], KEYS[2], KEYS[3])
if known[1] or known[3] then return 0 end
take(KEYS[1], ARGV[1], ARGV[5], ARGV[2], ARGV[3], ARGV[4])
if tonumber(known[2] or 0) < tonumber(ARGV[5]) then rememberFence(KEYS[2], ARGV[5]) end
return 1
