-- Lets the lock live for ttl at least, if it is still mine. It never shortens its life.
-- KEYS[1] the lock
-- ARGV[1] token  ARGV[2] number of the step  ARGV[3] ttl, ms
-- returns the ms it has left to live if it was mine, else 0
-- cost: O(1)

-- an error, where it is of another type: then it is not mine any more
local value = redis.pcall('GET', KEYS[1])
if not isMine(value, ARGV[1]) then return 0 end
return math.max(1, prolong(KEYS[1], value, ARGV[2], tonumber(ARGV[3])))
