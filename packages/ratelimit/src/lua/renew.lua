-- Renews a slot that has not ended.
-- KEYS[i] the slots of a limit
-- ARGV[1] token: who holds it  ARGV[i + 1] ttl, µs
-- returns 1 if all of them were still held, else 0: then the others end as well
-- cost: O(log n) in the slots

for i = 1, #KEYS do
  local ends = command('ZSCORE', KEYS[i], ARGV[1])
  if not ends or tonumber(ends) <= now then
    for j = 1, #KEYS do command('ZREM', KEYS[j], ARGV[1]) end
    return 0
  end
end
for i = 1, #KEYS do
  command('ZADD', KEYS[i], now + ARGV[i + 1], ARGV[1])
  command('PEXPIRE', KEYS[i], math.ceil((command('ZRANGE', KEYS[i], -1, -1, 'WITHSCORES')[2] - now) / 1000) + 1000)
end
return 1
