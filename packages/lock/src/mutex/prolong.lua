-- Lets it live for ttl at least. A step that comes twice, or behind a later one, changes nothing. Returns the ms it has left to live.
local function prolong(key, value, step, ttl)
  local left = command('PTTL', key)
  local head, last, longest, about = string.match(value, '^(%S+ %d+ %d+) (%d+) (%d+) (.*)$')
  if tonumber(step) <= tonumber(last) then return left end
  if left < ttl then left, longest = ttl, whole(ttl) end
  command('PEXPIRE', key, left) -- first, as it needs no memory: after it a server that is full takes the rest as well
  command('SET', key, table.concat({head, step, longest, about}, ' '), 'KEEPTTL')
  return left
end
