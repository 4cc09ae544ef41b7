-- slidingWindow: a sliding window log.
-- State: a sorted set with a member 'token:cost' for each request, whose score is the time of the
-- request. More members come first, because their scores are negative:
--   'used'     minus the sum of the costs
--   'newest'   minus the time of the latest request
--   'written'  minus the time of the latest write; only if some requests are to be spent later
-- Redis takes half a µs to write a score as a text, so few are read: if no more than two members
-- are before the window, they are 'used' and 'newest', and say all that most decisions need.
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
-- `others` is the number of members up to `windowStart` that say something about the whole log.
local function dropOld(key, windowStart, used, members, others)
  local old = command('ZRANGEBYSCORE', key, 1, windowStart)
  for j = 1, #old do
    used = used - costOf(old[j])
  end
  if not peeking then
    if #old > 0 then
      command('ZREMRANGEBYSCORE', key, 1, windowStart)
    end
    if members > others + #old then
      command('ZREMRANGEBYSCORE', key, '(0', (now - 10000000) / REFUNDED)
    end
    if #old > 0 then
      command('ZADD', key, -used, 'used')
    end
  end
  return used
end

kinds.log = {
  inspect = function(state, key, limit, request, token)
    local window = limit.a
    state.available = limit.max
    state.fullAfter = 0
    state.readyAfter = 0
    state.used = 0
    state.newest = 0
    state.written = false
    local used = command('ZSCORE', key, 'used')
    local newest = command('ZSCORE', key, 'newest')
    state.exists = used and newest
    if not state.exists then
      if command('EXISTS', key) == 1 then
        deleteForeignLog(key)
      end
      return
    end
    used = -used
    newest = -newest
    local windowStart = textOf[now - window]
    local members = command('ZCOUNT', key, '-inf', windowStart)
    local written
    if members > 2 then
      written = command('ZSCORE', key, 'written')
      written = written and -written
    end
    if not (max(used, newest, written or 0) <= MAX_EXACT) then
      deleteForeignLog(key)
      state.exists = false
      return
    end

    if members > 2 then
      used = dropOld(key, windowStart, used, members, written and 3 or 2)
      state.written = written
    end
    if used <= 0 then
      return
    end

    if newest > now + 1000000 and (written or newest) > now + 1000000 then
      newest = moveBack(key, newest, written)
      state.written = written and now
    end
    local available = limit.max - used
    state.available = available
    state.fullAfter = newest + window - now
    state.used = used
    state.newest = newest
    local minCost, maxCost = request.minCost, request.maxCost
    local missing = minCost - available
    if missing > 0 or minCost < maxCost then
      local at, granted = findLogged(key, token, minCost, maxCost)
      if at then
        state.granted = granted
        state.wait = max(0, at - now)
      end
    end
    if missing > 0 then
      local requests = command(
        'ZRANGEBYSCORE', key, '(' .. windowStart, '+inf', 'WITHSCORES', 'LIMIT', 0, missing
      )
      for j = 1, #requests, 2 do
        missing = missing - costOf(requests[j])
        state.readyAfter = requests[j + 1] + window - now
        if missing <= 0 then
          break
        end
      end
    end
  end,

  charge = function(state, key, limit, granted, wait, spendWithin, token)
    local used = state.used + granted
    local spentAt = now + wait + spendWithin
    local newest = max(state.newest, spentAt)
    local entry = token .. ':' .. textOf[granted]
    -- LT: an attempt that arrives again keeps the time at which it arrived first.
    local added = command(
      'ZADD', key, 'LT', textOf[-newest], 'newest', textOf[-used], 'used', textOf[spentAt], entry
    )
    if state.written and state.used > 0 then
      command('ZADD', key, 'LT', textOf[-now], 'written')
    elseif state.written or spentAt > now then
      command('ZADD', key, textOf[-now], 'written')
    end
    -- The request is not new: it must not count twice.
    if state.exists and added == 0 then
      used = state.used
      newest = state.newest
      command('ZADD', key, textOf[-newest], 'newest', textOf[-used], 'used')
    end
    state.available = limit.max - used
    state.fullAfter = max(state.fullAfter, newest + limit.a - now)
    local ttl = newTtl(key, now + state.fullAfter)
    if ttl then
      command('PEXPIRE', key, ttl)
    end
    return spendWithin
  end,
}
