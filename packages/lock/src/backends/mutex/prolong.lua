-- Lets it live for ttl at least. A step that comes twice, or behind a later one, changes nothing.
-- Returns the ms it has left to live. Where that is more than its longest ttl, the server's clock
-- was set back, and its ttl starts anew.
local function prolong(key, value, step, ttl)
  local head, last, longest, about = string.match(value, '^(%S+ %d+ %d+) (%d+) (%d+) (.*)$')
  local left = math.min(command('PTTL', key), tonumber(longest))
  if tonumber(step) <= tonumber(last) then return left end
  if left < ttl then left, longest = ttl, whole(ttl) end
  -- first, as it needs no memory: after it a server that is full takes the rest as well
  command('PEXPIRE', key, left)
  command('SET', key, table.concat({head, step, longest, about}, ' '), 'KEEPTTL')
  return left
end
