-- slidingCounter: a sliding window counter.
-- State: a string 'writtenAt skew start used before older;attempts', as in fixed-window.lua, with
--   before  the cost charged to the window before the current one
--   older   the windows before one that was booked, each as '|start used before', the latest first
-- The weight of the window before falls with each whole millisecond of the current window.
-- a: the window
-- cost: O(1)
-- needs common.lua

local function freeCost(limit, used, before, windowMs, passedMs)
  local room = (limit - used) * windowMs - before * (windowMs - passedMs)
  return room > 0 and div(room, windowMs) or 0
end

local function writeCounter(key, at, skew, start, used, before, older, attempts, ...)
  local numbers = format('%.0f %.0f %.0f %.0f %.0f', at, skew, start, used, before)
  command('SET', key, format('%s%s;%s', numbers, older, attempts), ...)
end

-- Returns the state's own time of now, and its fields without writtenAt; nothing if there is none.
local function readCounter(key)
  local pattern = '^(%d+) (%d+) (%d+) (%d+) (%d+)([| %d]*);(.*)$'
  local value = command('GET', key) or ''
  local writtenAt, skew, start, used, before, older, attempts = match(value, pattern)
  if not writtenAt or not areValidNumbers(writtenAt, skew, start, used, before) then
    return
  end
  local changed
  skew, changed = adjustSkew(tonumber(writtenAt), tonumber(skew))
  if changed then
    allowWriteWhenFull(key)
    writeCounter(key, writtenAt, skew, start, used, before, older, attempts, 'KEEPTTL')
  end
  return now + skew, skew, tonumber(start), tonumber(used), tonumber(before), older, attempts
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
      local ttl = ttlUntil(start + 2 * window - skew)
      writeCounter(key, stateNow, skew, start, used, before, older, attempts, 'PX', ttl)
    end
    return min(spendWithin, start + window - at)
  end,

  refund = function(key, window, b, mark, token, charged)
    local stateNow, skew, start, used, before, older, attempts = readCounter(key)
    if not start or stateNow >= mark + 2 * window then
      return false, 0
    end

    -- The latest window first.
    local windows = { { start = start, used = used, before = before } }
    for olderStart, olderUsed, olderBefore in string.gmatch(older, '|(%d+) (%d+) (%d+)') do
      windows[#windows + 1] = {
        start = tonumber(olderStart),
        used = tonumber(olderUsed),
        before = tonumber(olderBefore),
      }
    end
    local found = false
    for i, candidate in ipairs(windows) do
      if candidate.start == mark then
        candidate.used = max(0, candidate.used - charged)
        found = true
        local after = windows[i - 1]
        if after and after.start - mark == window then
          after.before = max(0, after.before - charged)
        end
      end
    end
    local oldest = windows[#windows]
    if not found and oldest.start - mark == window then
      oldest.before = max(0, oldest.before - charged)
      found = true
    end
    if not found then
      return false, 0
    end

    -- A booked window without charges makes room for the window before it.
    while #windows > 1 and windows[1].used == 0 and windows[1].start > stateNow do
      table.remove(windows, 1)
      attempts = mergeAttempts(attempts)
    end
    local current = windows[1]
    start = current.start
    if current.used + current.before == 0 then
      start = min(start, stateNow)
    end
    older = ''
    for i = 2, #windows do
      local entry = windows[i]
      older = older .. format('|%.0f %.0f %.0f', entry.start, entry.used, entry.before)
    end
    used = current.used
    before = current.before
    writeCounter(key, stateNow, skew, start, used, before, older, attempts, 'KEEPTTL')
    return true, mark + 2 * window - stateNow
  end,
}
