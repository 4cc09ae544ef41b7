-- Gives back the lock, or the place in its queue, if it is mine, and wakes who is next.
-- KEYS[1] the lock  KEYS[2] its queue  KEYS[3] who in it is alive
-- ARGV[1] token, or '' for whoever holds it  ARGV[2] what the waiters' channels begin with
-- returns 1 if the lock was mine, else 0
-- cost: O(1), and O(log n) in the waiters

local value = command('GET', KEYS[1])
local mine = value and (ARGV[1] == '' or isMine(value, ARGV[1]))
if mine then command('DEL', KEYS[1]) end
if command('EXISTS', KEYS[2]) == 1 then
  leaveQueue(KEYS[2], KEYS[3], ARGV[1])
  if mine or not value then
    local next = head(KEYS[2], KEYS[3])
    if next then wake(ARGV[2], next) end
  end
end
return mine and 1 or 0
