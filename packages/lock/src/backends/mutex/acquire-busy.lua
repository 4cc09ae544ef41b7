-- Acquires a lock that is held, or for which others wait, or whose last fence is ahead of the
-- clock, or enters the queue. A token that was released or refused before acquires nothing.
-- acquire.lua describes the arguments and the replies. `stored` holds the values of the first three
-- keys.
-- needs clock.lua, numbers.lua, waiters.lua, enqueue.lua, last-fence.lua, mark-refused.lua,
-- is-held-by.lua, remaining-ttl.lua, acquire-unheld.lua

local value, waits = stored[1], tonumber(ARGV[5])
if stored[3] then return {0, '0', '0'} end
local waiter = ARGV[1] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]
local firstAlive
if not value or isHeldBy(value, ARGV[1]) then
  local reply
  reply, firstAlive = acquireUnheld(KEYS, ARGV, stored, waiter)
  if reply then return reply end
end
if not waits then
  if ARGV[5] == '' then markRefused(KEYS[3]) end
  return {firstAlive or remainingTtl(KEYS[1], value), '0', '0'}
end
local ticket, others = enqueue(KEYS[4], waiter, ARGV[5])
local wait = firstAlive or WAITER_TTL
if value and not others then wait = remainingTtl(KEYS[1], value) end
return {wait, ticket, highestFence(stored[2])}
