-- Ends a slot, and remembers that for a while: the attempt that took it may reach the server late, or once more.
-- KEYS[i] the slots of a limit (slots.lua)
-- ARGV[1] token: who holds it  ARGV[i + 1] µs for which it is remembered
-- returns how many of them were held
-- cost: O(log n) in the slots

local held = 0
for i = 1, #KEYS do
  local ends = command('ZSCORE', KEYS[i], ARGV[1])
  if not ends or tonumber(ends) > 0 then
    command('ZREM', KEYS[i], ARGV[1]) -- first, as a server that is full lets a script write if it has removed something
    command('ZADD', KEYS[i], -(now + ARGV[i + 1]), ARGV[1])
    command('PEXPIRE', KEYS[i], most(command('PTTL', KEYS[i]), ttl(now + ARGV[i + 1])))
    if ends and tonumber(ends) > now then held = held + 1 end
  end
end
return held
