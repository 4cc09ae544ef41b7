-- fixedWindow: a counter for each window.
-- State: a string of a version byte, the numbers 'writtenAt skew start used' and 'older;attempts'
--   writtenAt  the time of the latest write
--   skew       by how much the state's own time is ahead of the clock (adjustSkew)
--   start      when the current window began, or begins if it was booked
--   used       the cost charged to it
--   older      the windows before one that was booked, each as '|start used', the latest first
--   attempts   the latest attempts of these windows (appendAttempt)
-- All times are the state's own.
-- a: the window
-- cost: O(1)
-- needs common.lua, kinds.lua, own-time.lua, attempts.lua

-- The byte before the numbers. Another format needs another one.
local FIXED_VERSION = 1
local FIXED_NUMBERS = '>BI7I7I7I7'

local function writeFixed(key, at, skew, start, used, older, attempts, ...)
  local numbers = pack(FIXED_NUMBERS, FIXED_VERSION, at, skew, start, used)
  command('SET', key, numbers .. older .. ';' .. attempts, ...)
end

-- Returns the state's own time of now, and its fields without writtenAt; nothing if there is none.
local function readFixed(key)
  local value = command('GET', key)
  local older, attempts = match(value or '', '^([| %d]*);(.*)$', 30)
  if not older then
    return
  end
  local version, writtenAt, skew, start, used = unpackNumbers(FIXED_NUMBERS, value)
  if version ~= FIXED_VERSION or max(writtenAt, skew, start, used) > MAX_EXACT then
    return
  end
  local changed
  skew, changed = adjustSkew(writtenAt, skew)
  if changed then
    allowWriteWhenFull(key)
    writeFixed(key, writtenAt, skew, start, used, older, attempts, 'KEEPTTL')
  end
  return now + skew, skew, start, used, older, attempts
end

kinds.fixed = {
  inspect = function(key, limit, window, b, minCost, spendWithin, token)
    local stateNow, skew, start, used, older, attempts = readFixed(key)
    local open = start and stateNow < start + window and (used > 0 or stateNow < start)
    if not open then
      return {
        available = limit,
        fullAfter = 0,
        readyAfter = 0,
        used = 0,
        skew = skew or 0,
        older = '',
        attempts = attempts or '',
        granted = findAttempt(attempts, token, nil, ''),
      }
    end
    local state = {
      available = limit - used,
      fullAfter = 0,
      readyAfter = 0,
      start = start,
      used = used,
      skew = skew,
      older = older,
      attempts = attempts,
    }
    state.granted, state.wait, state.mark = findAttempt(attempts, token, start, older)
    local isBooked = stateNow < start
    if used > 0 then
      state.fullAfter = start + window - stateNow
    elseif isBooked then
      state.fullAfter = start - stateNow
    end
    if state.available < minCost then
      state.readyAfter = start + window - stateNow
    elseif isBooked then
      state.readyAfter = start - stateNow
    end
    if isBooked then
      state.available = 0
    end
    return state
  end,

  charge = function(key, limit, window, b, granted, wait, spendWithin, token, state)
    local stateNow = now + state.skew
    local at = stateNow + wait
    local start = state.start
    local used = state.used + granted
    local older = state.older
    local attempts = state.attempts
    local isSameWindow = start and at < start + window
    if not isSameWindow and start and at > stateNow then
      -- This window becomes current again if the one that is booked after it is refunded.
      older = format('|%.0f %.0f%s', start, state.used, older)
      attempts = attempts .. '/'
    elseif not isSameWindow or older ~= '' and start <= stateNow then
      older = ''
      attempts = ''
    end
    attempts = appendAttempt(attempts, token, granted, wait)
    if isSameWindow then
      writeFixed(key, stateNow, state.skew, start, used, older, attempts, 'KEEPTTL')
    else
      start = at
      used = granted
      local ttl = textOf[ttlUntil(start + window - state.skew)]
      writeFixed(key, stateNow, state.skew, start, used, older, attempts, 'PX', ttl)
    end
    state.available = limit - used
    state.fullAfter = start + window - stateNow
    state.mark = start
    return min(spendWithin, start + window - at)
  end,
}
