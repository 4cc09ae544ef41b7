-- tokenBucket and gcra: a token bucket, kept as the time at which it is full again (the theoretical
-- arrival time of GCRA). A token is divided into units, so that all numbers are whole.
-- State: a string of a bucket and its history, 'bucket|history'.
-- bucket: 'writtenAt skew fullAt fraction bornAt unitsPerToken unitsPerMicro'
--   writtenAt      the time of the latest write
--   skew           by how much the state's own time is ahead of the clock (adjustSkew)
--   fullAt         when the bucket is full again, without a fraction
--   fraction       the units that are missing at fullAt, fewer than come back in a µs
--   bornAt         when this state began; a full bucket begins a new state
--   unitsPerToken, unitsPerMicro  the rate of the latest charge
-- history, for refunds: 'baseFullAt baseFraction baseUnitsPerMicro latestOlder refunded|count' and
-- then the attempts
--   attempts       the latest attempts, each as ',name@at=granted', `at` being µs after bornAt;
--                  followed by '*unitsPerToken/unitsPerMicro' if its rate is not that of the bucket
--   count          the number of these attempts
--   baseFullAt     when the bucket would be full again without these attempts
--   baseFraction   the units that would be missing at baseFullAt, fewer than baseUnitsPerMicro
--   latestOlder    the latest time for which an attempt before these was charged
--   refunded       the µs that refunds have given back
-- All times are the state's own.
-- Requests of an id can have different limits, and so different rates. A charge delays `fullAt` by
-- as long as its tokens take to come back at its own rate. Units of another rate are rounded up to
-- a whole µs.
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

-- Converts a time with a fraction to the units of another rate.
local function toRate(fullAt, fraction, from, unitsPerMicro)
  if from == unitsPerMicro or fraction == 0 then
    return fullAt, fraction
  end
  return fullAt + 1, 0
end

-- Returns when the bucket is full again after a charge at a time, the fraction, and the
-- unitsPerMicro of the fraction, which are those of the charge. `from` are those of the fraction
-- before. A charge that was refunded has 0 units and changes nothing.
local function fullAfterCharge(fullAt, fraction, from, at, units, unitsPerMicro)
  if units == 0 then
    return fullAt, fraction, from
  end
  fullAt, fraction = toRate(fullAt, fraction, from, unitsPerMicro)
  local missing = missingAt(fullAt, fraction, at, unitsPerMicro) + units
  local rest = fmod(missing, unitsPerMicro)
  return at + (missing - rest) / unitsPerMicro, rest, unitsPerMicro
end

-- Returns the rate of an attempt: what follows its '=granted', or else the rate of the bucket.
local function rateOf(text, bucket)
  local unitsPerToken, unitsPerMicro = match(text, '^%*(%d+)/(%d+)$')
  if not unitsPerToken or not areValidNumbers(unitsPerToken, unitsPerMicro) then
    return bucket.unitsPerToken, bucket.unitsPerMicro
  end
  return max(1, tonumber(unitsPerToken)), max(1, tonumber(unitsPerMicro))
end

-- Writes the rate after each attempt that has the rate of the bucket.
local function withRates(attempts, bucket)
  local rate = format('*%.0f/%.0f', bucket.unitsPerToken, bucket.unitsPerMicro)
  return (string.gsub(attempts, '(=%d+)(%*?)', function(granted, star)
    return granted .. (star == '' and rate or star)
  end))
end

local function formatBucket(bucket, history)
  local numbers = format(
    '%.0f %.0f %.0f %.0f %.0f %.0f %.0f',
    bucket.writtenAt, bucket.skew, bucket.fullAt, bucket.fraction, bucket.bornAt,
    bucket.unitsPerToken, bucket.unitsPerMicro
  )
  return numbers .. '|' .. history
end

-- Returns the bucket as a table of its fields, its `history` and the state's own `now`; nothing if
-- there is no state.
local function readBucket(key)
  local pattern = '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)|(%d+ %d+ %d+ %d+ %d+|%d+[^|]*)$'
  local value = command('GET', key) or ''
  local writtenAt, skew, fullAt, fraction, bornAt, unitsPerToken, unitsPerMicro, history =
    match(value, pattern)
  if
    not writtenAt
    or not areValidNumbers(
      writtenAt, skew, fullAt, fraction, bornAt, unitsPerToken, unitsPerMicro
    )
    or not areValidNumbers(match(history, '^(%d+) (%d+) (%d+) (%d+) (%d+)|(%d+)'))
  then
    return
  end
  local bucket = {
    writtenAt = tonumber(writtenAt),
    fullAt = tonumber(fullAt),
    bornAt = tonumber(bornAt),
    unitsPerToken = max(1, tonumber(unitsPerToken)),
    unitsPerMicro = max(1, tonumber(unitsPerMicro)),
    history = history,
  }
  bucket.fraction = min(tonumber(fraction), bucket.unitsPerMicro - 1)
  local changed
  bucket.skew, changed = adjustSkew(bucket.writtenAt, tonumber(skew))
  if changed then
    allowWriteWhenFull(key)
    command('SET', key, formatBucket(bucket, history), 'KEEPTTL')
  end
  bucket.now = now + bucket.skew
  return bucket
end

local function parseHistory(history)
  local pattern = '^(%d+) (%d+) (%d+) (%d+) (%d+)|(%d+)(.*)$'
  local baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count, attempts =
    match(history, pattern)
  basePerMicro = max(1, tonumber(basePerMicro))
  return tonumber(baseFullAt), min(tonumber(baseFraction), basePerMicro - 1), basePerMicro,
    tonumber(latestOlder), tonumber(refunded), tonumber(count), attempts
end

local function formatHistory(fullAt, fraction, perMicro, latestOlder, refunded, count, attempts)
  local pattern = '%.0f %.0f %.0f %.0f %.0f|%.0f%s'
  return format(pattern, fullAt, fraction, perMicro, latestOlder, refunded, count, attempts)
end

kinds.bucket = {
  inspect = function(key, limit, unitsPerToken, unitsPerMicro, minCost, spendWithin, token)
    local bucket = readBucket(key)
    local missing = 0
    if bucket then
      local fullAt, fraction =
        toRate(bucket.fullAt, bucket.fraction, bucket.unitsPerMicro, unitsPerMicro)
      missing = missingAt(fullAt, fraction, bucket.now, unitsPerMicro)
    end
    local state = {
      available = tokensLeft(limit, unitsPerToken, missing),
      fullAfter = refillTime(missing, unitsPerMicro),
      readyAfter = 0,
      missing = missing,
      bucket = bucket,
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
    local from = bucket and find(bucket.history, name, 1, true)
    local at, granted, later
    if from then
      at, granted, later = match(bucket.history, '^(%d+)=(%d+)(.*)$', from + #name)
    end
    if at then
      local _, _, _, _, refunded = parseHistory(bucket.history)
      state.granted = tonumber(granted)
      state.wait = max(0, bucket.bornAt + at - bucket.now)
      state.mark = bucket.fullAt + refunded
      for laterGranted, rate in string.gmatch(later, '=(%d+)([^,]*)') do
        local ownPerToken, ownPerMicro = rateOf(rate, bucket)
        state.mark = state.mark - refillTime(laterGranted * ownPerToken, ownPerMicro)
      end
    end
    return state
  end,

  charge = function(
    key, limit, unitsPerToken, unitsPerMicro, granted, wait, spendWithin, token, state
  )
    local bucket = state.missing > 0 and state.bucket
    local skew = state.bucket and state.bucket.skew or 0
    local stateNow = now + skew
    local later = wait + spendWithin
    local bornAt = bucket and bucket.bornAt or stateNow
    local baseFullAt, baseFraction, basePerMicro = bornAt, 0, unitsPerMicro
    local latestOlder, refunded, count, attempts = bornAt, 0, 0, ''
    if bucket then
      baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count, attempts =
        parseHistory(bucket.history)
      if bucket.unitsPerToken ~= unitsPerToken or bucket.unitsPerMicro ~= unitsPerMicro then
        attempts = withRates(attempts, bucket)
      end
    end

    local missing = max(0, state.missing - later * unitsPerMicro) + granted * unitsPerToken
    local fraction = fmod(missing, unitsPerMicro)
    local charged = {
      writtenAt = stateNow,
      skew = skew,
      fullAt = stateNow + later + (missing - fraction) / unitsPerMicro,
      fraction = fraction,
      bornAt = bornAt,
      unitsPerToken = unitsPerToken,
      unitsPerMicro = unitsPerMicro,
    }
    missing = missing + later * unitsPerMicro
    local offset = stateNow + later - bornAt
    attempts = format('%s,%s@%.0f=%.0f', attempts, shortName(token), offset, granted)
    count = count + 1
    while count > MAX_ATTEMPTS do
      local oldestOffset, oldestGranted, rate, others =
        match(attempts, '^,[^@]*@(%d+)=(%d+)([^,]*)(.*)$')
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
      local ownPerToken, ownPerMicro = rateOf(rate, charged)
      local units = oldestGranted * ownPerToken
      baseFullAt, baseFraction, basePerMicro =
        fullAfterCharge(baseFullAt, baseFraction, basePerMicro, at, units, ownPerMicro)
      latestOlder = max(latestOlder, at)
      attempts = others
      count = count - 1
    end

    state.available = tokensLeft(limit, unitsPerToken, missing)
    state.fullAfter = refillTime(missing, unitsPerMicro)
    state.mark = charged.fullAt + refunded
    local history = formatHistory(
      baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count, attempts
    )
    local ttl = ttlUntil(stateNow - skew + state.fullAfter)
    command('SET', key, formatBucket(charged, history), 'PX', ttl)
    return spendWithin
  end,

  -- After a refund the bucket is never fuller than if the request had never been made: tokens that
  -- have come back by themselves are not given back. For one of the latest attempts it is exactly
  -- as full. For an older attempt it can be less full.
  refund = function(key, unitsPerToken, unitsPerMicro, mark, token, charged, chargedAt)
    local bucket = readBucket(key)
    if not bucket then
      return false, 0
    end
    local stateNow = bucket.now
    local baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count, attempts =
      parseHistory(bucket.history)
    local name = shortName(token)
    local microsBack = 0
    local isLatest = find(attempts, ',' .. name .. '@', 1, true)
    if not isLatest then
      local open = mark - refunded - max(stateNow, latestOlder)
      if open <= 0 or bucket.bornAt > chargedAt then
        return false, 0
      end
      local unitsBack = min(charged * unitsPerToken, open * unitsPerMicro)
      microsBack = refillTime(unitsBack, unitsPerMicro)
      if unitsPerMicro ~= basePerMicro then
        unitsBack = div(unitsBack, unitsPerMicro) * basePerMicro
      end
      local missing = missingAt(baseFullAt, baseFraction - unitsBack, stateNow, basePerMicro)
      baseFraction = fmod(missing, basePerMicro)
      baseFullAt = stateNow + (missing - baseFraction) / basePerMicro
    end

    -- Replays the latest attempts, once with the refunded one (withAt, withFraction, withPerMicro)
    -- and once without it (fullAt, fraction, perMicro). The refunded attempt stays in the list with
    -- a charge of 0, because it can arrive again. Its charge counts if the bucket is less full
    -- because of it, before the attempts that still wait for their turns.
    local kept = ''
    local counts
    local withAt, withFraction, withPerMicro = baseFullAt, baseFraction, basePerMicro
    local fullAt, fraction, perMicro = baseFullAt, baseFraction, basePerMicro
    local function differs()
      local at, rest = toRate(fullAt, fraction, perMicro, withPerMicro)
      return missingAt(withAt, withFraction, stateNow, withPerMicro)
        ~= missingAt(at, rest, stateNow, withPerMicro)
    end
    for attempt, offset, granted, rate in string.gmatch(attempts, ',([^@]*)@(%d+)=(%d+)([^,]*)') do
      local at = bucket.bornAt + offset
      local ownPerToken, ownPerMicro = rateOf(rate, bucket)
      local units = granted * ownPerToken
      if at > stateNow and counts == nil then
        counts = differs()
      end
      withAt, withFraction, withPerMicro =
        fullAfterCharge(withAt, withFraction, withPerMicro, at, units, ownPerMicro)
      if attempt == name then
        if granted == '0' then
          return false, 0
        end
        counts = at > stateNow or nil
        local before, rest = toRate(fullAt, fraction, perMicro, ownPerMicro)
        local unitsBack = (withAt - before) * ownPerMicro + withFraction - rest
        microsBack = refillTime(unitsBack, ownPerMicro)
        offset = '0'
        granted = '0'
      else
        fullAt, fraction, perMicro =
          fullAfterCharge(fullAt, fraction, perMicro, at, units, ownPerMicro)
      end
      kept = format('%s,%s@%s=%s%s', kept, attempt, offset, granted, rate)
    end
    if counts == nil then
      counts = differs()
    end
    if isLatest and not counts then
      return false, 0
    end

    refunded = refunded + microsBack
    bucket.fullAt, bucket.fraction = toRate(fullAt, fraction, perMicro, bucket.unitsPerMicro)
    bucket.writtenAt = stateNow
    local history = formatHistory(
      baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count, kept
    )
    command('SET', key, formatBucket(bucket, history), 'KEEPTTL')
    -- `refunded` begins anew when the bucket does.
    return true, max(0, mark - stateNow)
  end,
}
