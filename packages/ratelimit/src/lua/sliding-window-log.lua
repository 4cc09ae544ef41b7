-- slidingWindow: a sliding window log.
-- State: a sorted set with a member 'token:cost' for each request, whose score is the time of the
-- request. Two more members come first, because their scores are negative:
--   'used'  minus the sum of the costs
--   'last'  minus the time of the latest write; only if some requests are to be spent later
-- A refunded request keeps its member for ten seconds, so that its attempt is recognised if it
-- arrives again. Its score is then the time of the refund as a fraction of 1.
-- a: the window
-- cost: O(log n) in the requests of the window, and O(1) for each request that has left it; a
-- denial of cost c reads at most c requests
-- needs common.lua

-- The divisor that turns the time of a refund into a fraction of 1.
local REFUNDED = 1e16

local function costOf(entry)
  return tonumber(match(entry, '%d+$')) or 0
end

local function newestScore(key)
  return tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
end

local function emptyLog(limit)
  return { available = limit, fullAfter = 0, readyAfter = 0, used = 0 }
end

-- Deletes a value that is not a log, so that the limit begins anew.
local function deleteForeignLog(key)
  if not peeking then
    command('DEL', key)
    reportForeignValue(key, 'no requests of a limiter')
  end
end

-- If the clock was set back by more than a second since the last write, moves all requests back by
-- as much. `last` is the time of the last write; without it, the newest request was written last.
-- Returns whether it did.
local function moveBack(key, last)
  local by = (last or newestScore(key)) - now
  if by <= 1000000 then
    return false
  end
  local entries = command('ZRANGEBYSCORE', key, 1, '+inf', 'WITHSCORES')
  allowWriteWhenFull(key)
  for j = 1, #entries, 2 do
    command('ZADD', key, entries[j + 1] - by, entries[j])
  end
  if last then
    command('ZADD', key, -now, 'last')
  end
  return true
end

-- Returns the time of an attempt that has run before, and what it was granted.
local function findLogged(key, token, minCost, maxCost)
  if minCost == maxCost then
    return command('ZSCORE', key, token .. ':' .. format('%.0f', minCost)), minCost
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
    local first = command('ZRANGE', key, 0, 2, 'WITHSCORES')
    local last
    if first[1] == 'last' then
      last = -first[2]
      table.remove(first, 1)
      table.remove(first, 1)
    end
    if not first[1] and not last then
      return emptyLog(limit)
    end
    local newest = newestScore(key)
    local used = first[1] == 'used' and -first[2]
    if not used or not areValidNumbers(used, newest, last or 0) then
      deleteForeignLog(key)
      return emptyLog(limit)
    end

    local oldest = tonumber(first[4])
    if oldest and oldest <= now - window then
      used = dropOld(key, window, used, oldest)
    end
    if used <= 0 then
      local state = emptyLog(limit)
      state.last = last
      state.exists = true
      return state
    end

    if newest > now + 1000000 and moveBack(key, last) then
      newest = newestScore(key)
    end
    local state = {
      available = limit - used,
      fullAfter = newest + window - now,
      readyAfter = 0,
      used = used,
      last = last,
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
    local entry = token .. ':' .. format('%.0f', granted)
    local added
    -- LT: an attempt that arrives again keeps the time at which it arrived first.
    if state.last or spentAt > now then
      added = command('ZADD', key, 'LT', -now, 'last', -used, 'used', spentAt, entry)
      added = added - (state.last and 0 or 1)
    else
      added = command('ZADD', key, 'LT', -used, 'used', spentAt, entry)
    end
    -- The request is not new: it must not count twice.
    if added == (state.exists and 0 or 1) then
      used = state.used
      command('ZADD', key, -used, 'used')
    end
    state.available = limit - used
    state.fullAfter = max(state.fullAfter, spentAt + window - now)
    command('PEXPIRE', key, ttlUntil(now + state.fullAfter))
    return spendWithin
  end,

  refund = function(key, window, b, mark, token, charged)
    local entry = token .. ':' .. format('%.0f', charged)
    local at = tonumber(command('ZSCORE', key, entry) or 0)
    if at <= now - window or at < 1 then
      return false, 0
    end
    command('ZREM', key, entry)
    command('ZADD', key, now / REFUNDED, entry)
    command('ZINCRBY', key, charged, 'used')
    return true, 0
  end,
}
