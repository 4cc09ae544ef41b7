-- Tells the process of a waiter that a lock was handed over, with the fence. If the user may not
-- publish, the waiter learns of it when it polls. Returns the message.
-- needs clock.lua
local function announceHandOver(channelPrefix, process, token, fence)
  local message = token .. ' ' .. fence
  redis.pcall('PUBLISH', channelPrefix .. process, message)
  return message
end
