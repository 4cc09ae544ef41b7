-- Ends a slot, and remembers that for a while: the attempt that took it may reach the server late,
-- or once more.
-- KEYS[i] the slots of a limit (slots.lua, remembered.lua)
-- ARGV[1] token: who holds it  ARGV[2] µs for which it is remembered  ARGV[i + 2] ttl, µs
-- returns how many of them were held
-- cost: O(log n) in the slots

local token, held = ARGV[1], 0
for i = 1, #KEYS do
  local slot = token .. ':' .. ARGV[i + 2]
  local ends = command('ZSCORE', KEYS[i], slot)
  if ends and tonumber(ends) > now then held = held + 1 end
  -- first, as a server that is full lets a script write if it has removed something
  command('ZREM', KEYS[i], slot)
  remember(KEYS[i], token, ARGV[2])
end
return held
