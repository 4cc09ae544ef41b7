-- A lock is a string `token fence since sequence ttl holder` that expires with the lock. `since` is
-- the time of the acquisition in ms. `sequence` is the number of the holder's last request that
-- changed the lock; it is 0 if the lock was handed over to a waiter, until the holder extends it.
-- `ttl` is the longest ttl in ms that the lock can have left. `holder` is a JSON description of the
-- holder.
-- needs clock.lua

-- Returns the value of a lock that is acquired now.
local function lockValue(token, fence, sequence, ttl, holder)
  local since = string.sub(microsecondsText(), 1, -4)
  return token .. ' ' .. fence .. ' ' .. since .. ' ' .. sequence .. ' ' .. ttl .. ' ' .. holder
end
