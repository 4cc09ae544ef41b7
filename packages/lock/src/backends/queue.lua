-- The queue of waiters. `queue` is a sorted set of tokens, scored by ticket. `alive` is a hash that
-- stores for each token the ms until which its waiter counts as alive.
-- needs clock.lua

-- Returns the first waiter that is alive, and the ms for which it still counts as alive. Returns
-- nil and 0 if nobody waits. Removes the dead waiters before it. If a waiter seems to be alive for
-- longer than WAITER_TTL, the server's clock was set back, and the time is capped.
local function firstWaiter(queue, alive)
  while true do
    local token = command('ZRANGE', queue, 0, 0)[1]
    if not token then return nil, 0 end
    local left = (tonumber(command('HGET', alive, token) or 0) or 0) - milliseconds()
    if left > WAITER_TTL then
      left = WAITER_TTL
      command('HSET', alive, token, integer(milliseconds() + left))
    end
    if left > 0 then return token, left end
    command('ZREM', queue, token)
    command('HDEL', alive, token)
  end
end

-- Marks a waiter as alive, and adds it to the queue if it is missing: at the position of its
-- ticket, or behind all others if it has none (0). Returns its ticket.
local function enqueue(queue, alive, token, ticket)
  local stored = tonumber(command('ZSCORE', queue, token) or nil)
  if ticket == 0 and not stored then
    local last = command('ZRANGE', queue, -1, -1, 'WITHSCORES')[2]
    ticket = math.max(microseconds(), last and last + 1 or 0)
  elseif ticket == 0 or (stored and stored < ticket) then
    ticket = stored
  end
  if ticket ~= stored then command('ZADD', queue, integer(ticket), token) end
  command('HSET', alive, token, integer(milliseconds() + WAITER_TTL))
  command('PEXPIRE', queue, WAITER_TTL)
  command('PEXPIRE', alive, WAITER_TTL)
  return ticket
end

local function removeWaiter(queue, alive, token)
  command('HDEL', alive, token)
  command('ZREM', queue, token)
end

-- Publishes to a waiter's process that it can acquire. If the user may not publish, the waiter
-- finds out when it polls.
local function wakeWaiter(channelPrefix, token)
  local process = string.match(token, '([^:/]*)/')
  if process then redis.pcall('PUBLISH', channelPrefix .. process, token) end
end
