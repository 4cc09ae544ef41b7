-- Ends attempts whose outcome their writer does not know: one that arrives later is refused. HDEL comes first, so a full server does it too.
-- KEYS[1] the session
-- ARGV[1] the lowest attempt that is not over
-- returns 1, or 0: there is no such session
-- cost: O(n) in the attempts that are over

local floor = floor_of(redis.call('HGET', KEYS[1], 'floor'))
if not floor then return 0 end
raise_floor(KEYS[1], floor, tonumber(ARGV[1]))
return 1
