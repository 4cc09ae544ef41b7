-- Renews a slot that has not ended.
-- KEYS[i] the slots of a limit (slots.lua)
-- ARGV[1] token: who holds it  ARGV[i + 1] ttl, µs
-- returns 1 if all of them were still held, else 0: then the others end as well
-- cost: O(log n) in the slots

local function slot(i) return ARGV[1] .. ':' .. ARGV[i + 1] end

for i = 1, #KEYS do
  local ends = command('ZSCORE', KEYS[i], slot(i))
  if not ends or tonumber(ends) <= now then
    for j = 1, #KEYS do command('ZREM', KEYS[j], slot(j)) end
    return 0
  end
end
for i = 1, #KEYS do
  -- a server that is full lets a script write if it has removed something first
  command('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  command('ZADD', KEYS[i], now + ARGV[i + 1], slot(i))
  command('PEXPIRE', KEYS[i], ttl(tonumber(command('ZRANGE', KEYS[i], -1, -1, 'WITHSCORES')[2])))
end
return 1
