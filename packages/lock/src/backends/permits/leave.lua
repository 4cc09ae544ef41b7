-- Gives back a permit, or the place in the queue, if it is mine, and wakes who is next. It leaves a
-- receipt, which answers for it when it is asked again, and keeps what the token asked for before,
-- and Redis gets late, from being granted.
-- KEYS[1] the holders  KEYS[2] details of them  KEYS[3] the token's receipt  KEYS[4] the queue 
-- KEYS[5] who in it is alive
-- ARGV[1] token  ARGV[2] what the waiters' channels begin with  ARGV[3] permits
-- returns 1 if the permit was given back, else 0
-- cost: O(log n) in the holders and the waiters

dropExpired(KEYS[1], KEYS[2])
local mine = drop(KEYS[1], KEYS[2], ARGV[1])
if not mine then
  local receipt = command('GET', KEYS[3])
  if receipt then return tonumber(receipt) end
  leaveQueue(KEYS[4], KEYS[5], ARGV[1])
end
-- last, as a server that is full takes it only after what needs no memory
command('SET', KEYS[3], mine and '1' or '0', 'PX', RECEIPT_TTL)
if command('EXISTS', KEYS[4]) == 1 then
  local next = head(KEYS[4], KEYS[5])
  if next and fits(KEYS[1], next, tonumber(ARGV[3])) then wake(ARGV[2], next) end
end
return mine and 1 or 0
