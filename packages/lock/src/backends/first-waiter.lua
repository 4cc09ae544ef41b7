-- Returns the first waiter that is alive, and the ms for which it still counts as alive. Returns
-- nil and 0 if nobody waits. Removes the dead waiters before it.
-- needs clock.lua, numbers.lua, waiters.lua
local function firstWaiter(waiters)
  while true do
    local waiter, ticket = unpack(command('ZRANGE', waiters, '0', '0', 'WITHSCORES'))
    if not waiter then return nil, 0 end
    local _, process = parseWaiter(waiter)
    local left = aliveFor(waiters, process, ticket)
    if left > 0 then return waiter, left end
    command('ZREM', waiters, waiter)
  end
end
