-- Returns whether the value of a lock key says that the token holds the lock. Only the lock of a
-- token begins with it, so the rest is not checked.
-- needs clock.lua
local function isHeldBy(value, token)
  return type(value) == 'string' and string.sub(value, 1, #token + 1) == token .. ' '
end
