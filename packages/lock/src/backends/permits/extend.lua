-- Extends a permit to at least the given ttl, if the token holds it. Never shortens it.
-- needs clock.lua, numbers.lua, holders.lua
-- KEYS[1] the holders  KEYS[2] their details
-- ARGV[1] token  ARGV[2] sequence number of the request  ARGV[3] ttl in ms
-- returns the remaining ttl in ms, or 0 if the token does not hold a permit
-- cost: O(log n) in the number of holders

return (extendPermit(KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]))) or 0
