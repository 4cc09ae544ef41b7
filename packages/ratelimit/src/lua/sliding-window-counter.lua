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
-- Where the older windows begin.
local COUNTER_OLDER = 37

local function freeCost(limit, used, before, windowMs, passedMs)
  local room = (limit - used) * windowMs - before * (windowMs - passedMs)
  return room > 0 and div(room, windowMs) or 0
end

-- Returns the state's own time of now, its fields without writtenAt, and its value. In place of the
-- attempts, it returns the index at which they begin in the value. Returns nothing if there is no
-- state.
local function readCounter(key)
  local value = command('GET', key)
  local older, from = match(value or '', '^([| %d]*);()', COUNTER_OLDER)
  if not older then
    return
  end
  local version, writtenAt, skew, start, used, before = unpackNumbers(COUNTER_NUMBERS, value)
  if version ~= COUNTER_VERSION or max(writtenAt, skew, start, used, before) > MAX_EXACT then
    return
  end
  if now + skew < writtenAt - MAX_SET_BACK then
    skew = writtenAt - now
    allowWriteWhenFull(key)
    local numbers = pack(COUNTER_NUMBERS, COUNTER_VERSION, writtenAt, skew, start, used, before)
    command('SET', key, numbers .. sub(value, COUNTER_OLDER), 'KEEPTTL')
  end
  return now + skew, skew, start, used, before, older, from, value
end

kinds.counter = {
  inspect = function(state, key, limit, request, token)
    local stateNow, skew, start, used, before, older, from, value = readCounter(key)
    local name = ',' .. shortName(token) .. '='
    state.name = name
    state.skew = skew or 0
    state.text = value or ''
    state.from = from or 1
    state.fullAfter = 0
    state.readyAfter = 0
    state.storedStart = start or false
    local window = limit.a
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
      state.available = limit.max
      state.storedStart = false
      state.start = false
      state.used = 0
      state.before = 0
      state.older = ''
      if value then
        findAttempt(state, value, from, nil, '')
      end
      return
    end

    local isBooked = stateNow < start
    local windowMs = window / 1000
    local passedMs = isBooked and 0 or div(stateNow - start, 1000)
    local available = freeCost(limit.max, used, before, windowMs, passedMs)
    local fullAfter, readyAfter = 0, 0
    state.start = start
    state.used = used
    state.before = before
    state.older = older
    findAttempt(state, value, from, storedStart, older)
    if used > 0 then
      fullAfter = start + 2 * window - stateNow
    elseif before > 0 then
      fullAfter = start + window - stateNow
    end
    local minCost = request.minCost
    if available < minCost then
      local room = limit.max - used - minCost
      if room >= 0 then
        local weightMs = min(windowMs, div(room * windowMs, before))
        readyAfter = start + 1000 * (windowMs - weightMs) - stateNow
      else
        local weightMs = min(windowMs, div((limit.max - minCost) * windowMs, used))
        readyAfter = start + window + 1000 * (windowMs - weightMs) - stateNow
      end
    end
    if isBooked then
      available = 0
      readyAfter = max(readyAfter, start - stateNow)
      fullAfter = max(fullAfter, start - stateNow)
    end
    state.available = available
    state.fullAfter = fullAfter
    state.readyAfter = readyAfter
  end,

  charge = function(state, key, limit, granted, wait, spendWithin)
    local window = limit.a
    local skew = state.skew
    local stateNow = now + skew
    local at = stateNow + wait
    local start = state.start
    local used = state.used
    local before = state.before
    local older = state.older
    local text, from, separator = state.text, state.from, ''
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
    local isStoredWindow = start == state.storedStart
    if state.start and start ~= state.start and start > stateNow then
      -- This window becomes current again if the one that is booked after it is refunded.
      older = format('|%d %d %d%s', state.start, state.used, state.before, older)
      separator = '/'
    elseif not isStoredWindow or older ~= '' and start <= stateNow then
      older = ''
      text, from = '', 1
    end
    used = used + granted
    local passedMs = at > start and div(at - start, 1000) or 0
    state.available = freeCost(limit.max, used, before, window / 1000, passedMs)
    state.fullAfter = start + 2 * window - stateNow
    state.mark = start
    local value = pack(COUNTER_NUMBERS, COUNTER_VERSION, stateNow, skew, start, used, before)
      .. older .. ';' .. sub(text, latestAttempts(text, from)) .. separator
      .. state.name .. textOf[granted] .. '+' .. textOf[wait]
    if isStoredWindow then
      command('SET', key, value, 'KEEPTTL')
    else
      command('SET', key, value, 'PX', textOf[ttlUntil(start + 2 * window - skew)])
    end
    return min(spendWithin, start + window - at)
  end,
}
