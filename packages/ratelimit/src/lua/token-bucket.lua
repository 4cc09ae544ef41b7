-- tokenBucket and gcra: a token bucket, kept as the time at which it is full again (the theoretical
-- arrival time of GCRA). A token is divided into units, so that all numbers are whole.
-- a: the units of a token  b: the units that come back in a µs
-- cost: O(1)
-- needs common.lua, kinds.lua, own-time.lua, token-bucket-state.lua

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
    local from = bucket and find(bucket.value, name, ATTEMPTS_START, true)
    local at, granted, later
    if from then
      at, granted, later = match(bucket.value, '^(%d+)=(%d+)(.*)$', from + #name)
    end
    if at then
      local _, _, _, _, refunded = readHistory(bucket.value)
      state.granted = tonumber(granted)
      state.wait = max(0, bucket.bornAt + at - bucket.now)
      state.mark = bucket.fullAt + refunded
      for laterGranted, rate in string.gmatch(later, '=(%d+)([^,]*)') do
        local ownPerToken, ownPerMicro =
          rateOf(rate, bucket.unitsPerToken, bucket.unitsPerMicro)
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
    local latestOlder, refunded, count = bornAt, 0, 0
    -- The attempts are what `text` contains from `from` on. Long texts are copied once only.
    local text, from = '', 1
    if bucket then
      baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count =
        readHistory(bucket.value)
      text, from = bucket.value, ATTEMPTS_START
      if bucket.unitsPerToken ~= unitsPerToken or bucket.unitsPerMicro ~= unitsPerMicro then
        text, from = withRates(sub(text, from), bucket), 1
      end
    end

    local missing = max(0, state.missing - later * unitsPerMicro) + granted * unitsPerToken
    local fraction = fmod(missing, unitsPerMicro)
    local fullAt = stateNow + later + (missing - fraction) / unitsPerMicro
    missing = missing + later * unitsPerMicro
    count = count + 1
    while count > MAX_ATTEMPTS do
      local offset, oldestGranted, rate, others =
        match(text, '^,[^@]*@(%d+)=(%d+)([^,]*)()', from)
      if not offset then
        -- These are not attempts that this script wrote.
        from = #text + 1
        count = 1
        break
      end
      local at = bornAt + offset
      if at > stateNow and count <= MAX_WAITING then
        break
      end
      local ownPerToken, ownPerMicro = rateOf(rate, unitsPerToken, unitsPerMicro)
      local units = oldestGranted * ownPerToken
      baseFullAt, baseFraction, basePerMicro =
        fullAfterCharge(baseFullAt, baseFraction, basePerMicro, at, units, ownPerMicro)
      latestOlder = max(latestOlder, at)
      from = others
      count = count - 1
    end

    state.available = tokensLeft(limit, unitsPerToken, missing)
    state.fullAfter = refillTime(missing, unitsPerMicro)
    state.mark = fullAt + refunded
    local offset = format('%.0f', max(0, stateNow + later - bornAt))
    local value = packBucket(
      stateNow, skew, fullAt, fraction, bornAt, unitsPerToken, unitsPerMicro
    ) .. packHistory(baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count)
      .. sub(text, from) .. ',' .. shortName(token) .. '@' .. offset .. '=' .. textOf[granted]
    command('SET', key, value, 'PX', ttlUntil(now + state.fullAfter))
    return spendWithin
  end,
}
