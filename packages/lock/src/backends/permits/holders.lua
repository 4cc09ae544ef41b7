-- The holders of permits. `holders` is a sorted set of tokens, scored by the ms at which each
-- permit expires. `details` is a hash that stores `fence sequence ttl` for each token: `sequence`
-- is the number of the holder's last request that changed the permit; it is 0 if the permit was
-- handed over to a waiter, until the holder extends it. `ttl` is the longest ttl in ms that the
-- permit can have left. A token that begins with `x` is exclusive: it shares with nobody.
-- needs clock.lua, numbers.lua

-- Returns whether a token may join the current holders. `count` is their number.
local function canJoin(holders, count, token, permits)
  if count == 0 then return true end
  return count < permits
    and string.sub(token, 1, 1) ~= 'x'
    and string.sub(command('ZRANGE', holders, '0', '0')[1], 1, 1) ~= 'x'
end

-- Returns the ms until the first permit expires.
local function untilFree(holders)
  local expiresAt = command('ZRANGE', holders, '0', '0', 'WITHSCORES')[2]
  return math.max(1, tonumber(expiresAt or 0) - milliseconds())
end

-- Removes a holder. Returns whether it was there.
local function removeHolder(holders, details, token)
  command('HDEL', details, token)
  return command('ZREM', holders, token) == 1
end

-- Removes the holders whose permits have expired. Returns their number.
local function removeExpired(holders, details)
  local expired = command('ZRANGEBYSCORE', holders, '-inf', integer(milliseconds()))
  for _, token in ipairs(expired) do
    removeHolder(holders, details, token)
  end
  return #expired
end

-- Writes a holder. The details come first: if that key has another type, nothing is granted yet.
-- `left` is the ms for which the key of the holders still exists.
local function writeHolder(holders, details, left, token, expiresAt, fence, sequence, ttl)
  command('HSET', details, token, fence .. ' ' .. sequence .. ' ' .. integer(ttl))
  command('ZADD', holders, integer(expiresAt), token)
  if left < ttl then command('PEXPIRE', holders, ttl) end
  command('PEXPIRE', details, math.max(left, ttl))
end

-- Adds a holder to `count` others.
local function addHolder(holders, details, count, token, fence, sequence, ttl)
  local left = count > 0 and command('PTTL', holders) or 0
  writeHolder(holders, details, left, token, milliseconds() + ttl, fence, sequence, ttl)
end

-- Returns the fence, sequence number and longest ttl of a holder; '0' for each if they are missing
-- or make no sense.
local function readDetails(details, token)
  local value = command('HGET', details, token) or ''
  local fence, sequence, ttl = string.match(value, '^(%d+) (%d+) (%d+)$')
  if not fence or #fence > 16 or #sequence > 16 or #ttl > 16 then return '0', '0', '0' end
  return fence, sequence, ttl
end

-- Extends a permit to at least the given ttl. Returns the ms that it has left, its fence, and
-- whether it was handed over and not extended yet; nil if it has expired. A request that is
-- repeated, or arrives after a later one, changes nothing. Neither does one with which the holder
-- waited: it may have been sent before the permit was handed over. If the permit has more than its
-- longest ttl left, the server's clock was set back, and the ttl starts anew.
local function extendPermit(holders, details, token, sequence, ttl, waited)
  local now = milliseconds()
  local expiresAt = tonumber(command('ZSCORE', holders, token) or 0)
  if expiresAt <= now then return nil end
  local fence, last, storedTtl = readDetails(details, token)
  local longest = tonumber(storedTtl)
  if longest > 0 then expiresAt = math.min(expiresAt, now + longest) end
  if waited and last == '0' then return expiresAt - now, fence, true end
  if tonumber(sequence) > tonumber(last) then
    -- HDEL needs no memory and comes first: a full server then accepts the writes too.
    command('HDEL', details, token)
    if now + ttl > expiresAt then
      expiresAt = now + ttl
      longest = ttl
    end
    local left = command('PTTL', holders)
    writeHolder(holders, details, left, token, expiresAt, fence, sequence, longest)
  end
  return expiresAt - now, fence
end

-- Corrects the expiry of holders after the server's clock was set back: a holder that has more than
-- its longest ttl left expires after that ttl. Only the 100 holders that expire last are checked,
-- because that is where such holders are. Members that expire beyond what any clock reaches were
-- not written by these scripts, and are removed.
local function correctExpiries(holders, details)
  command('ZREMRANGEBYSCORE', holders, '9e15', '+inf')
  local now = milliseconds()
  local last = command('ZRANGE', holders, -100, -1, 'WITHSCORES')
  for i = 1, #last, 2 do
    local _, _, storedTtl = readDetails(details, last[i])
    local ttl = tonumber(storedTtl)
    if ttl > 0 and tonumber(last[i + 1]) > now + ttl then
      command('ZADD', holders, integer(now + ttl), last[i])
    end
  end
end
