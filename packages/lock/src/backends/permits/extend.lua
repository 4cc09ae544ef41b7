-- Lets a permit live for ttl at least, if it is still mine. It never shortens its life.
-- KEYS[1] the holders  KEYS[2] details of them
-- ARGV[1] token  ARGV[2] number of the step  ARGV[3] ttl, ms
-- returns the ms it has left to live if it was mine, else 0
-- cost: O(log n) in the holders

return (prolong(KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]))) or 0
