-- Creates the lock. `NX` keeps it from overwriting a key of another type. `GET` then raises the
-- WRONGTYPE error.
-- needs clock.lua, lock-value.lua
local function createLock(key, token, fence, sequence, ttl, holder)
  local value = lockValue(token, fence, sequence, ttl, holder)
  if not command('SET', key, value, 'NX', 'PX', ttl) then command('GET', key) end
end
