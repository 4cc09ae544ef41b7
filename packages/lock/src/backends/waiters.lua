-- The queue of waiters for a lock or a permit: a sorted set with two kinds of members.
--
-- - `token ttl details` for each waiter, scored by its ticket. It contains what is needed to hand
--   the lock over to the waiter: the details are a JSON description of the holder of a lock, or the
--   number of permits.
-- - `@process` for each process that has waiters. The score is PROCESSES minus the ms until which
--   the waiters of the process count as alive. Tickets are lower, so these members come last.
-- needs clock.lua

-- Tickets are µs of the server's clock, and below this bound until the year 2191.
local TICKETS, PROCESSES = '(7e15', 8e15

-- Returns the id of the process of a token: that of the channel by which its waiter is woken. The
-- token of a permit has a prefix that ends with a colon.
local function processOf(token)
  return string.match(token, '([^:/ ]*)/') or ''
end

-- Returns the ms for which a waiter still counts as alive; 0 or less if it is dead or the member of
-- a process. If that is more than WAITER_TTL, the server's clock was set back, and the time is
-- capped.
local function aliveFor(waiters, waiter)
  if not string.find(waiter, '^[^@ ]+ %d+ ') then return 0 end
  local process = '@' .. processOf(waiter)
  local score = tonumber(command('ZSCORE', waiters, process) or nil)
  local left = score and PROCESSES - score - milliseconds() or 0
  if left <= WAITER_TTL then return left end
  command('ZADD', waiters, integer(PROCESSES - milliseconds() - WAITER_TTL), process)
  return WAITER_TTL
end

-- Returns the first waiter that is alive, and the ms for which it still counts as alive. Returns
-- nil and 0 if nobody waits. Removes the dead waiters before it.
local function firstWaiter(waiters)
  while true do
    local waiter = command('ZRANGE', waiters, '0', '0')[1]
    if not waiter then return nil, 0 end
    local left = aliveFor(waiters, waiter)
    if left > 0 then return waiter, left end
    command('ZREM', waiters, waiter)
  end
end

-- Tells the process of a waiter that a lock was handed over, with the fence. If the user may not
-- publish, the waiter learns of it when it polls. Returns the message.
local function announceHandOver(channelPrefix, token, fence)
  local message = token .. ' ' .. fence
  redis.pcall('PUBLISH', channelPrefix .. processOf(token), message)
  return message
end
