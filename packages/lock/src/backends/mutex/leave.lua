-- Gives back the lock, or the place in its queue, if it is mine, and wakes who is next. It leaves a
-- receipt, which answers for it when it is asked again, and keeps what the token asked for before,
-- and Redis gets late, from being granted.
-- KEYS[1] the lock  KEYS[2] the token's receipt  KEYS[3] the lock's queue  KEYS[4] who in it is
-- alive
-- ARGV[1] token  ARGV[2] what the waiters' channels begin with
-- ARGV[3] 'mine', or 'any' to give it back whoever holds it: then the token is that of the one who
-- does so
-- returns 1 if the lock was given back, else 0
-- cost: O(1), and O(log n) in the waiters

-- an error, where it is of another type: then it is not mine
local value = redis.pcall('GET', KEYS[1])
local mine = isMine(value, ARGV[1])
if not mine then
  local receipt = command('GET', KEYS[2])
  if receipt then return tonumber(receipt) end
  mine = value and ARGV[3] == 'any'
  -- before the receipt, as it needs no memory: after it a server that is full takes that as well
  leaveQueue(KEYS[3], KEYS[4], ARGV[1])
end
if mine then command('DEL', KEYS[1]) end
command('SET', KEYS[2], mine and '1' or '0', 'PX', RECEIPT_TTL)
if (mine or not value) and command('EXISTS', KEYS[3]) == 1 then
  local next = head(KEYS[3], KEYS[4])
  if next then wake(ARGV[2], next) end
end
return mine and 1 or 0
