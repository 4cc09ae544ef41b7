-- Gives back a permit, or the place in the queue, if it is mine, and wakes who is next.
-- KEYS[1] the holders  KEYS[2] the queue  KEYS[3] who in it is alive
-- ARGV[1] token  ARGV[2] what the waiters' channels begin with  ARGV[3] permits
-- returns 1 if the permit was mine, else 0
-- cost: O(log n) in the holders and the waiters

local now = milliseconds()
dropExpired(KEYS[1], now)
local mine = command('ZREM', KEYS[1], ARGV[1])
if command('EXISTS', KEYS[2]) == 1 then
  leaveQueue(KEYS[2], KEYS[3], ARGV[1])
  local next = head(KEYS[2], KEYS[3])
  if next and fits(KEYS[1], next, tonumber(ARGV[3])) then wake(ARGV[2], next) end
end
return mine
