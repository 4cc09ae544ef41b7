-- Adds a waiter to the queue if it is missing: at the position of its ticket, or behind all others
-- if it has none (0). Marks the waiters of its process as alive. Returns its ticket, and whether
-- others wait before it.
-- needs clock.lua, numbers.lua, waiters.lua
local function enqueue(waiters, waiter, ticket)
  local others
  local isNew = ticket == '0'
  if isNew then
    local last = command('ZREVRANGEBYSCORE', waiters, TICKETS, '-inf', 'WITHSCORES',
      'LIMIT', '0', '1')
    others = last[1] ~= nil
    ticket = microsecondsText()
    if others and not isPast(last[2]) then
      ticket = integer(math.max(microseconds(), last[2] + 1))
    end
  else
    others = command('ZRANGE', waiters, '0', '0')[1] ~= waiter
  end
  local _, process = parseWaiter(waiter)
  -- LT: a waiter keeps the lower of two tickets, and a process the later of two times.
  command('ZADD', waiters, 'LT', ticket, waiter,
    integer(PROCESSES - milliseconds() - WAITER_TTL), '@' .. process)
  -- Waiters ask each POLL_INTERVAL, so those who come after others need not prolong the key.
  if not (isNew and others) then command('PEXPIRE', waiters, QUEUE_TTL) end
  return ticket, others
end
