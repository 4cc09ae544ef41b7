-- Extends the ttl of the lock to at least the given one, if the token holds it. Never shortens it.
-- needs clock.lua, is-held-by.lua, extend-ttl.lua
-- KEYS[1] the lock
-- ARGV[1] token  ARGV[2] sequence number of the request  ARGV[3] ttl in ms
-- returns the remaining ttl in ms, or 0 if the token does not hold the lock
-- cost: O(1)

-- A key of another type makes GET return an error, so the token does not hold the lock.
local value = redis.pcall('GET', KEYS[1])
local left = isHeldBy(value, ARGV[1]) and extendTtl(KEYS[1], value, ARGV[2], tonumber(ARGV[3]))
return left and math.max(1, left) or 0
