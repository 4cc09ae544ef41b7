-- fixedWindow: a counter for each window.
-- State: a string of a version byte, the numbers 'writtenAt skew start used' and 'older;attempts'
--   writtenAt  the time of the latest write
--   skew       by how much the state's own time is ahead of the clock (MAX_SET_BACK)
--   start      when the current window began, or begins if it was booked
--   used       the cost charged to it
--   older      the windows before one that was booked, each as '|start used', the latest first
--   attempts   the latest attempts of these windows (attempts.lua)
-- All times are the state's own.
-- a: the window
-- cost: O(1)
-- needs common.lua, kinds.lua, own-time.lua, attempts.lua

-- The byte before the numbers. Another format needs another one.
local FIXED_VERSION = 1
local FIXED_NUMBERS = '>BI7I7I7I7'
-- Where the older windows begin.
local FIXED_OLDER = 30

-- Returns the state's own time of now, its fields without writtenAt, and its value. In place of the
-- attempts, it returns the index at which they begin in the value. Returns nothing if there is no
-- state.
local function readFixed(key)
  local value = command('GET', key)
  local older, from = match(value or '', '^([| %d]*);()', FIXED_OLDER)
  if not older then
    return
  end
  local version, writtenAt, skew, start, used = unpackNumbers(FIXED_NUMBERS, value)
  if version ~= FIXED_VERSION or max(writtenAt, skew, start, used) > MAX_EXACT then
    return
  end
  if now + skew < writtenAt - MAX_SET_BACK then
    skew = writtenAt - now
    allowWriteWhenFull(key)
    local numbers = pack(FIXED_NUMBERS, FIXED_VERSION, writtenAt, skew, start, used)
    command('SET', key, numbers .. sub(value, FIXED_OLDER), 'KEEPTTL')
  end
  return now + skew, skew, start, used, older, from, value
end

kinds.fixed = {
  inspect = function(state, key, limit, request, token)
    local stateNow, skew, start, used, older, from, value = readFixed(key)
    local name = ',' .. shortName(token) .. '='
    state.name = name
    state.skew = skew or 0
    state.text = value or ''
    state.from = from or 1
    state.fullAfter = 0
    state.readyAfter = 0
    local window = limit.a
    local open = start and stateNow < start + window and (used > 0 or stateNow < start)
    if not open then
      state.available = limit.max
      state.start = false
      state.used = 0
      state.older = ''
      if value then
        findAttempt(state, value, from, nil, '')
      end
      return
    end
    local available = limit.max - used
    state.start = start
    state.used = used
    state.older = older
    findAttempt(state, value, from, start, older)
    local isBooked = stateNow < start
    if used > 0 then
      state.fullAfter = start + window - stateNow
    elseif isBooked then
      state.fullAfter = start - stateNow
    end
    if available < request.minCost then
      state.readyAfter = start + window - stateNow
    elseif isBooked then
      state.readyAfter = start - stateNow
    end
    state.available = isBooked and 0 or available
  end,

  charge = function(state, key, limit, granted, wait, spendWithin)
    local window = limit.a
    local skew = state.skew
    local stateNow = now + skew
    local at = stateNow + wait
    local start = state.start
    local used = state.used + granted
    local older = state.older
    local text, from, separator = state.text, state.from, ''
    local isSameWindow = start and at < start + window
    if not isSameWindow and start and at > stateNow then
      -- This window becomes current again if the one that is booked after it is refunded.
      older = format('|%d %d%s', start, state.used, older)
      separator = '/'
    elseif not isSameWindow or older ~= '' and start <= stateNow then
      older = ''
      text, from = '', 1
    end
    if not isSameWindow then
      start = at
      used = granted
    end
    local value = pack(FIXED_NUMBERS, FIXED_VERSION, stateNow, skew, start, used) .. older .. ';'
      .. sub(text, latestAttempts(text, from)) .. separator
      .. state.name .. textOf[granted] .. '+' .. textOf[wait]
    if isSameWindow then
      command('SET', key, value, 'KEEPTTL')
    else
      command('SET', key, value, 'PX', textOf[ttlUntil(start + window - skew)])
    end
    state.available = limit.max - used
    state.fullAfter = start + window - stateNow
    state.mark = start
    return min(spendWithin, start + window - at)
  end,
}
