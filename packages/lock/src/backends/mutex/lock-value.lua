-- A lock is a string `token fence since sequence ttl holder` that expires with the lock. `since` is
-- the time of the acquisition in ms. `sequence` is the number of the holder's last request that
-- changed the lock. `ttl` is the longest ttl in ms that the lock can have left. `holder` is a JSON
-- description of the holder.

-- Returns whether the value of a lock key says that the token holds the lock.
local function isHeldBy(value, token)
  return type(value) == 'string'
    and string.sub(value, 1, #token + 1) == token .. ' '
    and string.match(value, '^%S+ %d+ %d+ %d+ %d+ ') ~= nil
end
