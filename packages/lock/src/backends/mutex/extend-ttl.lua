-- Extends the ttl of a lock to at least the given one, and returns the ttl in ms that it has left;
-- nil for a value that is not a lock.
-- A request that is repeated, or arrives after a later one, changes nothing. If the lock has more
-- than its longest ttl left, the server's clock was set back, and the ttl starts anew.
-- needs clock.lua, numbers.lua
local function extendTtl(key, value, sequence, ttl)
  local pattern = '^(%S+ %d+ %d+) (%d+) (%d+) (.*)$'
  local head, last, longest, holder = string.match(value, pattern)
  if not head then return nil end
  local left = math.min(command('PTTL', key), tonumber(longest))
  if tonumber(sequence) <= tonumber(last) then return left end
  if left < ttl then
    left = ttl
    longest = integer(ttl)
  end
  -- PEXPIRE needs no memory and comes first: a full server then accepts the SET too.
  command('PEXPIRE', key, left)
  command('SET', key, head .. ' ' .. sequence .. ' ' .. longest .. ' ' .. holder, 'KEEPTTL')
  return left
end
