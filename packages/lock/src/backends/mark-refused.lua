-- Writes the tombstone of a token that was refused, so that a copy of its request that arrives late
-- acquires nothing. A full server rejects this write, which is ignored.
-- needs clock.lua
local function markRefused(tombstone)
  redis.pcall('SET', tombstone, '0', 'PX', TOMBSTONE_TTL)
end
