-- Renews the slots of a token if none of them has expired. Otherwise it releases all of them.
-- KEYS[i] the slots of a concurrency limit (slots.lua)
-- ARGV[1] token: identifies the holder  ARGV[i + 1] the ttl of the slot, µs
-- returns 1 if the slots were renewed, else 0
-- cost: O(log n) in the slots
-- needs common.lua

local function slotName(i)
  return ARGV[1] .. ':' .. ARGV[i + 1]
end

for i = 1, #KEYS do
  local expiresAt = command('ZSCORE', KEYS[i], slotName(i))
  if not expiresAt or tonumber(expiresAt) <= now then
    for j = 1, #KEYS do
      command('ZREM', KEYS[j], slotName(j))
    end
    return 0
  end
end
for i = 1, #KEYS do
  -- This comes first: a server that is full lets a script write after it has removed something.
  command('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  command('ZADD', KEYS[i], now + ARGV[i + 1], slotName(i))
  local latest = command('ZRANGE', KEYS[i], -1, -1, 'WITHSCORES')
  command('PEXPIRE', KEYS[i], ttlUntil(tonumber(latest[2])))
end
return 1
