-- Returns the ms that a lock of another token has left. If that is more than its longest ttl, the
-- server's clock was set back, and the ttl starts anew.
-- needs clock.lua
local function remainingTtl(key, value)
  local left = command('PTTL', key)
  local longest = tonumber(string.match(value, '^%S+ %d+ %d+ %d+ (%d+) ') or nil)
  if not longest or left <= longest then return left end
  command('PEXPIRE', key, longest)
  return longest
end
