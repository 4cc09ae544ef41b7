-- Releases the slots of a token, and remembers that for a while: the attempt that took them can
-- reach the server late, or once more. It is safe to repeat.
-- KEYS[i] the slots of a concurrency limit (slots.lua)
-- ARGV[1] token: identifies the holder  ARGV[2] µs for which the release is remembered
-- ARGV[i + 2] the ttl of the slot, µs
-- returns how many of the slots were held
-- cost: O(log n) in the slots
-- needs common.lua, ended-attempts.lua

local token = ARGV[1]
local released = 0
for i = 1, #KEYS do
  local slot = token .. ':' .. ARGV[i + 2]
  local expiresAt = command('ZSCORE', KEYS[i], slot)
  if expiresAt and tonumber(expiresAt) > now then
    released = released + 1
  end
  -- This comes first: a server that is full lets a script write after it has removed something.
  command('ZREM', KEYS[i], slot)
  rememberEnded(KEYS[i], token, ARGV[2])
end
return released
