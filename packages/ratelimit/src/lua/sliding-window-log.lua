-- slidingWindow: a sliding window log.
-- State: a sorted set with a member 'token:cost' for each request, whose score is the time of the
-- request. More members come first, because their scores are negative:
--   'used'     minus the sum of the costs
--   'newest'   minus the time of the latest request
--   'written'  minus the time of the latest write; only if some requests are to be spent later
-- So the first three members say all that most decisions need. Redis takes a µs to write a score as
-- a text, so few are read.
-- A refunded request keeps its member for ten seconds, so that its attempt is recognised if it
-- arrives again. Its score is then the time of the refund as a fraction of 1.
-- a: the window
-- cost: O(log n) in the requests of the window, and O(1) for each request that has left it; a
-- denial of cost c reads at most c requests
-- needs common.lua, kinds.lua

-- The divisor that turns the time of a refund into a fraction of 1.
local REFUNDED = 1e16

local function costOf(entry)
  return tonumber(match(entry, ':(%d+)$')) or 0
end

local function emptyLog(limit)
  return { available = limit, fullAfter = 0, readyAfter = 0, used = 0, newest = 0 }
end

-- Returns the numbers of the members that come first (nil if there are none), and the time of the
-- oldest request.
local function readFirst(key)
  local first = command('ZRANGE', key, '0', '2', 'WITHSCORES')
  local used, newest, written, oldest
  local j = 1
  while first[j] do
    local name = first[j]
    if name == 'used' then
      used = -first[j + 1]
    elseif name == 'newest' then
      newest = -first[j + 1]
    elseif name == 'written' then
      written = -first[j + 1]
      first[7], first[8] = unpack(command('ZRANGE', key, '3', '3', 'WITHSCORES'))
    else
      oldest = tonumber(first[j + 1])
      break
    end
    j = j + 2
  end
  return used, newest, written, oldest, first[1] ~= nil
end

-- Deletes a value that is not a log, so that the limit begins anew.
local function deleteForeignLog(key)
  if not peeking then
    command('DEL', key)
    reportForeignValue(key, 'no requests of a limiter')
  end
end

-- Moves all requests back, after the clock was set back by more than a second since the last write.
-- Without `written`, the newest request was written last.
-- Returns the new time of the newest request.
local function moveBack(key, newest, written)
  local by = (written or newest) - now
  local entries = command('ZRANGEBYSCORE', key, 1, '+inf', 'WITHSCORES')
  allowWriteWhenFull(key)
  for j = 1, #entries, 2 do
    command('ZADD', key, entries[j + 1] - by, entries[j])
  end
  if written then
    command('ZADD', key, -now, 'written')
  end
  command('ZADD', key, by - newest, 'newest')
  return newest - by
end

-- Returns the time of an attempt that has run before, and what it was granted.
local function findLogged(key, token, minCost, maxCost)
  if minCost == maxCost then
    return command('ZSCORE', key, token .. ':' .. textOf[minCost]), minCost
  end
  local newest = command('ZRANGE', key, -16, -1, 'WITHSCORES')
  for j = 1, #newest, 2 do
    if sub(newest[j], 1, #token + 1) == token .. ':' then
      return newest[j + 1], costOf(newest[j])
    end
  end
end

-- Deletes the requests that have left the window, and returns the sum of the costs of the others.
local function dropOld(key, window, used, oldestScore)
  local old = command('ZRANGEBYSCORE', key, 1, now - window)
  for j = 1, #old do
    used = used - costOf(old[j])
  end
  if not peeking then
    if #old > 0 then
      command('ZREMRANGEBYSCORE', key, 1, now - window)
    end
    if oldestScore < 1 then
      command('ZREMRANGEBYSCORE', key, '(0', (now - 10000000) / REFUNDED)
    end
    if #old > 0 then
      command('ZADD', key, -used, 'used')
    end
  end
  return used
end

kinds.log = {
  inspect = function(key, limit, window, b, minCost, spendWithin, token, maxCost)
    local used, newest, written, oldest, exists = readFirst(key)
    if not exists then
      return emptyLog(limit)
    end
    if not used or not newest or not (max(used, newest, written or 0) <= MAX_EXACT) then
      deleteForeignLog(key)
      return emptyLog(limit)
    end

    if oldest and oldest <= now - window then
      used = dropOld(key, window, used, oldest)
    end
    if used <= 0 then
      local state = emptyLog(limit)
      state.written = written
      state.exists = true
      return state
    end

    if newest > now + 1000000 and (written or newest) > now + 1000000 then
      newest = moveBack(key, newest, written)
      written = written and now
    end
    local state = {
      available = limit - used,
      fullAfter = newest + window - now,
      readyAfter = 0,
      used = used,
      newest = newest,
      written = written,
      exists = true,
    }
    local missing = minCost - state.available
    if missing > 0 or minCost < maxCost then
      local at, granted = findLogged(key, token, minCost, maxCost)
      if at then
        state.granted = granted
        state.wait = max(0, at - now)
      end
    end
    if missing > 0 then
      local from = '(' .. format('%.0f', now - window)
      local requests = command(
        'ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', 0, missing
      )
      for j = 1, #requests, 2 do
        missing = missing - costOf(requests[j])
        state.readyAfter = requests[j + 1] + window - now
        if missing <= 0 then
          break
        end
      end
    end
    return state
  end,

  charge = function(key, limit, window, b, granted, wait, spendWithin, token, state)
    local used = state.used + granted
    local spentAt = now + wait + spendWithin
    local newest = max(state.newest, spentAt)
    local entry = token .. ':' .. textOf[granted]
    local first, at = textOf[-newest], textOf[spentAt]
    -- LT: an attempt that arrives again keeps the time at which it arrived first.
    local added = command('ZADD', key, 'LT', first, 'newest', -used, 'used', at, entry)
    if state.written and state.used > 0 then
      command('ZADD', key, 'LT', -now, 'written')
    elseif state.written or spentAt > now then
      command('ZADD', key, -now, 'written')
    end
    -- The request is not new: it must not count twice.
    if state.exists and added == 0 then
      used = state.used
      newest = state.newest
      command('ZADD', key, -newest, 'newest', -used, 'used')
    end
    state.available = limit - used
    state.fullAfter = max(state.fullAfter, newest + window - now)
    command('PEXPIRE', key, textOf[ttlUntil(now + state.fullAfter)])
    return spendWithin
  end,
}
