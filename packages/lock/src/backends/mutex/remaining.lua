-- The ms that somebody's lock has left to live. Where that is more than its ttl, the server's clock
-- was set back, and its ttl starts anew.
local function remaining(key, value)
  local left = command('PTTL', key)
  local ttl = tonumber(string.match(value, '^%S+ %d+ %d+ %d+ (%d+) ') or nil)
  if not ttl or left <= ttl then return left end
  command('PEXPIRE', key, ttl)
  return ttl
end
