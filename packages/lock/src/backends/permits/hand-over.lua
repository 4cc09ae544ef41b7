-- Hands permits over to the first waiters, as long as they can join the holders, and tells their
-- processes the fences. Returns the messages. Each permit is stored for the ms for which its waiter
-- counts as alive. The waiter then extends it to its ttl.
-- needs clock.lua, numbers.lua, waiters.lua, first-waiter.lua, announce-hand-over.lua, fence.lua,
-- holders.lua
-- KEYS as in acquire.lua. `lastFence` is nil if it was not read.
local function handOver(KEYS, channelPrefix, lastFence)
  local messages = {}
  while true do
    local waiter, left = firstWaiter(KEYS[4])
    if not waiter then return messages end
    local token, process, ttl, permits = parseWaiter(waiter)
    permits = tonumber(permits) or 1
    local count = command('ZCARD', KEYS[1])
    if not canJoin(KEYS[1], count, token, permits) then return messages end
    lastFence = nextFence(KEYS[2], lastFence or command('GET', KEYS[2]))
    ttl = math.min(tonumber(ttl), left)
    addHolder(KEYS[1], KEYS[5], count, token, lastFence, '0', ttl)
    command('ZREM', KEYS[4], waiter)
    messages[#messages + 1] = announceHandOver(channelPrefix, process, token, lastFence)
    if count + 1 >= permits or string.sub(token, 1, 1) == 'x' then return messages end
  end
end
