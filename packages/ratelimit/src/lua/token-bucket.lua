-- tokenBucket and gcra: a token bucket, kept as the time at which it is full again (the theoretical
-- arrival time of GCRA). A token is divided into units, so that all numbers are whole.
-- State: a string of a bucket and its history, 'bucket|history'.
-- bucket: 'writtenAt skew fullAt fraction bornAt'
--   writtenAt     the time of the latest write
--   skew          by how much the state's own time is ahead of the clock (adjustSkew)
--   fullAt        when the bucket is full again, without a fraction
--   fraction      the units that are missing at fullAt, fewer than come back in a µs
--   bornAt        when this state began; a full bucket begins a new state
-- history, for refunds: 'baseFullAt baseFraction latestOlder refunded|count' and then the attempts
--   attempts      the latest attempts, each as ',name@at=granted', `at` being µs after bornAt
--   count         the number of these attempts
--   baseFullAt    when the bucket would be full again without these attempts
--   baseFraction  the units that would be missing at baseFullAt
--   latestOlder   the latest time for which an attempt before these was charged
--   refunded      the µs that refunds have given back
-- All times are the state's own.
-- a: the units of a token  b: the units that come back in a µs
-- cost: O(1)
-- needs common.lua

-- The number of latest attempts that are kept, and how many if they wait for their turns.
local MAX_ATTEMPTS = 16
local MAX_WAITING = 64

-- Returns how many tokens there are if so many units are missing.
local function tokensLeft(limit, unitsPerToken, missing)
  if missing >= limit * unitsPerToken then
    return 0
  end
  return div(limit * unitsPerToken - missing, unitsPerToken)
end

-- Returns the units that are missing at a time.
local function missingAt(fullAt, fraction, at, unitsPerMicro)
  return max(0, (fullAt - at) * unitsPerMicro + fraction)
end

-- Returns the time in which so many units come back, rounded up.
local function refillTime(units, unitsPerMicro)
  return div(units + unitsPerMicro - 1, unitsPerMicro)
end

-- Returns when the bucket is full again after a charge at a time, and the fraction.
local function fullAfterCharge(fullAt, fraction, at, units, unitsPerMicro)
  local missing = missingAt(fullAt, fraction, at, unitsPerMicro) + units
  local rest = fmod(missing, unitsPerMicro)
  return at + (missing - rest) / unitsPerMicro, rest
end

-- Returns the state's own time of now, skew, fullAt, fraction, bornAt and the text of its history;
-- nothing if there is no state.
local function readBucket(key)
  local pattern = '^(%d+) (%d+) (%d+) (%d+) (%d+)|(%d+ %d+ %d+ %d+|%d+[^|]*)$'
  local value = command('GET', key) or ''
  local writtenAt, skew, fullAt, fraction, bornAt, history = match(value, pattern)
  if not writtenAt or not areValidNumbers(writtenAt, skew, fullAt, fraction, bornAt) then
    return
  end
  if not areValidNumbers(match(history, '^(%d+) (%d+) (%d+) (%d+)|(%d+)')) then
    return
  end
  local changed
  skew, changed = adjustSkew(tonumber(writtenAt), tonumber(skew))
  if changed then
    allowWriteWhenFull(key)
    local numbers = format('%s %.0f %s %s %s', writtenAt, skew, fullAt, fraction, bornAt)
    command('SET', key, numbers .. '|' .. history, 'KEEPTTL')
  end
  return now + skew, skew, tonumber(fullAt), tonumber(fraction), tonumber(bornAt), history
end

local function parseHistory(history)
  local pattern = '^(%d+) (%d+) (%d+) (%d+)|(%d+)(.*)$'
  local baseFullAt, baseFraction, latestOlder, refunded, count, attempts = match(history, pattern)
  return tonumber(baseFullAt), tonumber(baseFraction), tonumber(latestOlder), tonumber(refunded),
    tonumber(count), attempts
end

local function formatHistory(baseFullAt, baseFraction, latestOlder, refunded, count, attempts)
  local numbers = format('%.0f %.0f %.0f %.0f', baseFullAt, baseFraction, latestOlder, refunded)
  return format('%s|%.0f%s', numbers, count, attempts)
end

local function formatBucket(stateNow, skew, fullAt, fraction, bornAt, history)
  local numbers = format('%.0f %.0f %.0f %.0f %.0f', stateNow, skew, fullAt, fraction, bornAt)
  return numbers .. '|' .. history
end

kinds.bucket = {
  inspect = function(key, limit, unitsPerToken, unitsPerMicro, minCost, spendWithin, token)
    local stateNow, skew, fullAt, fraction, bornAt, history = readBucket(key)
    local missing = 0
    if fullAt then
      missing = max(0, (fullAt - stateNow) * unitsPerMicro + min(fraction, unitsPerMicro - 1))
    end
    local state = {
      available = tokensLeft(limit, unitsPerToken, missing),
      fullAfter = refillTime(missing, unitsPerMicro),
      readyAfter = 0,
      missing = missing,
      skew = skew or 0,
      bornAt = bornAt,
      history = history,
    }
    local excess = missing - (limit - minCost) * unitsPerToken
    if excess > 0 then
      state.readyAfter = refillTime(excess, unitsPerMicro)
    end
    if spendWithin > 0 then
      local missingLater = max(missing, spendWithin * unitsPerMicro)
      state.grantableLater = tokensLeft(limit, unitsPerToken, missingLater)
    end

    local name = ',' .. shortName(token) .. '@'
    local from = history and find(history, name, 1, true)
    local at, granted, later
    if from then
      at, granted, later = match(history, '^(%d+)=(%d+)(.*)$', from + #name)
    end
    if at then
      local _, _, _, refunded = parseHistory(history)
      state.granted = tonumber(granted)
      state.wait = max(0, bornAt + at - stateNow)
      state.mark = fullAt + refunded
      for laterGranted in string.gmatch(later, '=(%d+)') do
        state.mark = state.mark - refillTime(laterGranted * unitsPerToken, unitsPerMicro)
      end
    end
    return state
  end,

  charge = function(
    key, limit, unitsPerToken, unitsPerMicro, granted, wait, spendWithin, token, state
  )
    local stateNow = now + state.skew
    local later = wait + spendWithin
    local bornAt = state.missing > 0 and state.bornAt or stateNow
    local baseFullAt, baseFraction, latestOlder = bornAt, 0, bornAt
    local refunded, count, attempts = 0, 0, ''
    if state.history and state.missing > 0 then
      baseFullAt, baseFraction, latestOlder, refunded, count, attempts = parseHistory(state.history)
    end

    local missing = max(0, state.missing - later * unitsPerMicro) + granted * unitsPerToken
    local fraction = fmod(missing, unitsPerMicro)
    local fullAt = stateNow + later + (missing - fraction) / unitsPerMicro
    missing = missing + later * unitsPerMicro
    local offset = stateNow + later - bornAt
    attempts = format('%s,%s@%.0f=%.0f', attempts, shortName(token), offset, granted)
    count = count + 1
    while count > MAX_ATTEMPTS do
      local oldestOffset, oldestGranted, others = match(attempts, '^,[^@]*@(%d+)=(%d+)(.*)$')
      if not oldestOffset then
        -- These are not attempts that this script wrote.
        attempts = ''
        count = 0
        break
      end
      local at = bornAt + oldestOffset
      if at > stateNow and count <= MAX_WAITING then
        break
      end
      local units = oldestGranted * unitsPerToken
      baseFullAt, baseFraction = fullAfterCharge(baseFullAt, baseFraction, at, units, unitsPerMicro)
      latestOlder = max(latestOlder, at)
      attempts = others
      count = count - 1
    end

    state.available = tokensLeft(limit, unitsPerToken, missing)
    state.fullAfter = refillTime(missing, unitsPerMicro)
    state.mark = fullAt + refunded
    local history = formatHistory(baseFullAt, baseFraction, latestOlder, refunded, count, attempts)
    local value = formatBucket(stateNow, state.skew, fullAt, fraction, bornAt, history)
    command('SET', key, value, 'PX', ttlUntil(stateNow - state.skew + state.fullAfter))
    return spendWithin
  end,

  -- After a refund the bucket is never fuller than if the request had never been made: tokens that
  -- have come back by themselves are not given back. For one of the latest attempts it is exactly
  -- as full. For an older attempt it can be less full.
  refund = function(key, unitsPerToken, unitsPerMicro, mark, token, charged, chargedAt)
    local stateNow, skew, fullAt, fraction, bornAt, history = readBucket(key)
    if not history then
      return false, 0
    end
    local baseFullAt, baseFraction, latestOlder, refunded, count, attempts = parseHistory(history)
    local name = shortName(token)
    local unitsBack = 0
    local isLatest = find(attempts, ',' .. name .. '@', 1, true)
    if not isLatest then
      local open = mark - refunded - max(stateNow, latestOlder)
      if open <= 0 or bornAt > chargedAt then
        return false, 0
      end
      unitsBack = min(charged * unitsPerToken, open * unitsPerMicro)
      local missing = missingAt(baseFullAt, baseFraction - unitsBack, stateNow, unitsPerMicro)
      baseFraction = fmod(missing, unitsPerMicro)
      baseFullAt = stateNow + (missing - baseFraction) / unitsPerMicro
    end

    -- Replays the latest attempts, once with the refunded one (withAt, withFraction) and once
    -- without it (fullAt, fraction). The refunded attempt stays in the list with a charge of 0,
    -- because it can arrive again. Its charge counts if the bucket is less full because of it,
    -- before the attempts that still wait for their turns.
    local kept = ''
    local counts
    local withAt, withFraction = baseFullAt, baseFraction
    fullAt, fraction = baseFullAt, baseFraction
    local function differs()
      return missingAt(withAt, withFraction, stateNow, unitsPerMicro)
        ~= missingAt(fullAt, fraction, stateNow, unitsPerMicro)
    end
    for attempt, offset, granted in string.gmatch(attempts, ',([^@]*)@(%d+)=(%d+)') do
      local at = bornAt + offset
      local units = granted * unitsPerToken
      if at > stateNow and counts == nil then
        counts = differs()
      end
      withAt, withFraction = fullAfterCharge(withAt, withFraction, at, units, unitsPerMicro)
      if attempt == name then
        if granted == '0' then
          return false, 0
        end
        counts = at > stateNow or nil
        unitsBack = (withAt - fullAt) * unitsPerMicro + withFraction - fraction
        offset = '0'
        granted = '0'
      else
        fullAt, fraction = fullAfterCharge(fullAt, fraction, at, units, unitsPerMicro)
      end
      kept = format('%s,%s@%s=%s', kept, attempt, offset, granted)
    end
    if counts == nil then
      counts = differs()
    end
    if isLatest and not counts then
      return false, 0
    end

    refunded = refunded + refillTime(unitsBack, unitsPerMicro)
    history = formatHistory(baseFullAt, baseFraction, latestOlder, refunded, count, kept)
    command('SET', key, formatBucket(stateNow, skew, fullAt, fraction, bornAt, history), 'KEEPTTL')
    -- `refunded` begins anew when the bucket does.
    return true, max(0, mark - stateNow)
  end,
}
