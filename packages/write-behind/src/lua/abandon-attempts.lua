-- Ends attempts whose outcome their writer does not know. An attempt that arrives later is refused.
-- This also works on a full server.
-- needs session.lua, foreign-values.lua of core
-- KEYS[1] the session
-- ARGV[1] floor: the lowest attempt that is still open
-- ARGV[2] the abandoned attempts above it, separated by spaces
-- returns 1, or 0 if there is no such session
-- cost: O(n) in the attempts that have ended

local from = wholeNumber(redis.call('HGET', KEYS[1], 'floor'))
if not from then return 0 end
end_attempts(KEYS[1], from, ARGV[1], ARGV[2])
return 1
