-- Puts a lock back on one of several independent servers that has forgotten it, unless somebody
-- else has it there or its token has left.
-- KEYS[1] the lock  KEYS[2] its fence  KEYS[3] the token's receipt
-- ARGV[1] token  ARGV[2] number of the step  ARGV[3] ttl, ms  ARGV[4] about the holder  ARGV[5] its
-- fence
-- returns 1 if the token has it now, 0 if somebody else has, -1 if the token has left
-- cost: O(1)

local known = command('MGET', KEYS[1], KEYS[2], KEYS[3])
if known[3] then return -1 end
if known[1] then return isMine(known[1], ARGV[1]) and 1 or 0 end
take(KEYS[1], ARGV[1], ARGV[5], ARGV[2], ARGV[3], ARGV[4])
if fenceOf(known[2]) < tonumber(ARGV[5]) then rememberFence(KEYS[2], ARGV[5]) end
return 1
