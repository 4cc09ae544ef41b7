-- tokenBucket and gcra: a token bucket, kept as the time at which it is full again (the theoretical
-- arrival time of GCRA). A token is divided into units, so that all numbers are whole.
-- a: the units of a token  b: the units that come back in a µs
-- cost: O(1)
-- needs common.lua, token-bucket-state.lua

-- The number of latest attempts that are kept, and how many if they wait for their turns.
local MAX_ATTEMPTS = 16
local MAX_WAITING = 64

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
