-- slidingCounter: a sliding window counter.
-- State: a string of a version byte, the numbers 'writtenAt skew start used before' and
--   'older;attempts', as in fixed-window.lua, with
--   before  the cost charged to the window before the current one
--   older   the windows before one that was booked, each as '|start used before', the latest first
-- The weight of the window before falls with each whole millisecond of the current window.
-- a: the window
-- cost: O(1)
-- needs common.lua, kinds.lua, own-time.lua, attempts.lua

-- The byte before the numbers. Another format needs another one.
local COUNTER_VERSION = 1
local COUNTER_NUMBERS = '>BI7I7I7I7I7'

local function freeCost(limit, used, before, windowMs, passedMs)
  local room = (limit - used) * windowMs - before * (windowMs - passedMs)
  return room > 0 and div(room, windowMs) or 0
end

local function writeCounter(key, at, skew, start, used, before, older, attempts, ...)
  local numbers = pack(COUNTER_NUMBERS, COUNTER_VERSION, at, skew, start, used, before)
  command('SET', key, numbers .. older .. ';' .. attempts, ...)
end

-- Returns the state's own time of now, and its fields without writtenAt; nothing if there is none.
local function readCounter(key)
  local value = command('GET', key)
  local older, attempts = match(value or '', '^([| %d]*);(.*)$', 37)
  if not older then
    return
  end
  local version, writtenAt, skew, start, used, before = unpackNumbers(COUNTER_NUMBERS, value)
  if version ~= COUNTER_VERSION or max(writtenAt, skew, start, used, before) > MAX_EXACT then
    return
  end
  local changed
  skew, changed = adjustSkew(writtenAt, skew)
  if changed then
    allowWriteWhenFull(key)
    writeCounter(key, writtenAt, skew, start, used, before, older, attempts, 'KEEPTTL')
  end
  return now + skew, skew, start, used, before, older, attempts
end

kinds.counter = {
  inspect = function(key, limit, window, b, minCost, spendWithin, token)
    local stateNow, skew, start, used, before, older, attempts = readCounter(key)
    local storedStart = start
    if start and stateNow >= start + window then
      start = start + window
      before = used
      used = 0
    end
    -- After a window without charges, the next one begins with the next request.
    local open = start
      and stateNow < start + window
      and (used + before ~= 0 or stateNow < start)
    if not open then
      return {
        available = limit,
        fullAfter = 0,
        readyAfter = 0,
        used = 0,
        before = 0,
        skew = skew or 0,
        older = '',
        attempts = attempts or '',
        granted = findAttempt(attempts, token, nil, ''),
      }
    end

    local windowMs = window / 1000
    local passedMs = max(0, div(stateNow - min(start, stateNow), 1000))
    local state = {
      available = freeCost(limit, used, before, windowMs, passedMs),
      fullAfter = 0,
      readyAfter = 0,
      skew = skew,
      storedStart = storedStart,
      start = start,
      used = used,
      before = before,
      older = older,
      attempts = attempts,
    }
    state.granted, state.wait, state.mark = findAttempt(attempts, token, storedStart, older)
    if used > 0 then
      state.fullAfter = start + 2 * window - stateNow
    elseif before > 0 then
      state.fullAfter = start + window - stateNow
    end
    if state.available < minCost then
      local room = limit - used - minCost
      if room >= 0 then
        local weightMs = min(windowMs, div(room * windowMs, before))
        state.readyAfter = start + 1000 * (windowMs - weightMs) - stateNow
      else
        local weightMs = min(windowMs, div((limit - minCost) * windowMs, used))
        state.readyAfter = start + window + 1000 * (windowMs - weightMs) - stateNow
      end
    end
    local isBooked = stateNow < start
    if isBooked then
      state.available = 0
      state.readyAfter = max(state.readyAfter, start - stateNow)
      state.fullAfter = max(state.fullAfter, start - stateNow)
    end
    return state
  end,

  charge = function(key, limit, window, b, granted, wait, spendWithin, token, state)
    local stateNow = now + state.skew
    local at = stateNow + wait
    local start = state.start
    local used = state.used
    local before = state.before
    local older = state.older
    local attempts = state.attempts
    if start and at >= start + window then
      start = start + window
      before = used
      used = 0
    end
    if not start or at >= start + window or used + before == 0 then
      start = at
      used = 0
      before = 0
    end
    if state.start and start ~= state.start and start > stateNow then
      -- This window becomes current again if the one that is booked after it is refunded.
      older = format('|%.0f %.0f %.0f%s', state.start, state.used, state.before, older)
      attempts = attempts .. '/'
    elseif start ~= state.storedStart or older ~= '' and start <= stateNow then
      older = ''
      attempts = ''
    end
    used = used + granted
    local passedMs = div(max(at, start) - start, 1000)
    state.available = freeCost(limit, used, before, window / 1000, passedMs)
    state.fullAfter = start + 2 * window - stateNow
    state.mark = start
    attempts = appendAttempt(attempts, token, granted, wait)
    local skew = state.skew
    if start == state.storedStart then
      writeCounter(key, stateNow, skew, start, used, before, older, attempts, 'KEEPTTL')
    else
      local ttl = textOf[ttlUntil(start + 2 * window - skew)]
      writeCounter(key, stateNow, skew, start, used, before, older, attempts, 'PX', ttl)
    end
    return min(spendWithin, start + window - at)
  end,
}
