-- tokenBucket and gcra: a token bucket, kept as the time at which it is full again (the theoretical
-- arrival time of GCRA). A token is divided into units, so that all numbers are whole.
-- a: the units of a token  b: the units that come back in a µs
-- cost: O(1)
-- needs common.lua, kinds.lua, own-time.lua, token-bucket-state.lua

-- The number of latest attempts that are kept, and how many if they wait for their turns.
local MAX_ATTEMPTS = 16
local MAX_WAITING = 64

kinds.bucket = {
  inspect = function(state, key, limit, request, token)
    readBucket(state, key)
    local value = state.value
    local unitsPerToken = limit.a
    local unitsPerMicro = limit.b
    local missing = 0
    if value then
      local fullAt, fraction = state.fullAt, state.fraction
      if state.unitsPerMicro ~= unitsPerMicro then
        fullAt, fraction = toRate(fullAt, fraction, state.unitsPerMicro, unitsPerMicro)
      end
      missing = missingAt(fullAt, fraction, state.now, unitsPerMicro)
    end
    state.missing = missing
    state.available = tokensLeft(limit.max, unitsPerToken, missing)
    state.fullAfter = refillTime(missing, unitsPerMicro)
    local excess = missing - (limit.max - request.minCost) * unitsPerToken
    state.readyAfter = excess > 0 and refillTime(excess, unitsPerMicro) or 0
    if request.spendWithin > 0 then
      local missingLater = max(missing, request.spendWithin * unitsPerMicro)
      state.grantableLater = tokensLeft(limit.max, unitsPerToken, missingLater)
    end

    local name = ',' .. shortName(token) .. '@'
    state.name = name
    local from = value and find(value, name, ATTEMPTS_START, true)
    local at, granted, later
    if from then
      at, granted, later = match(value, '^(%d+)=(%d+)(.*)$', from + #name)
    end
    if at then
      local _, _, _, _, refunded = readHistory(value)
      state.granted = tonumber(granted)
      state.wait = max(0, state.bornAt + at - state.now)
      local mark = state.fullAt + refunded
      for laterGranted, rate in string.gmatch(later, '=(%d+)([^,]*)') do
        local ownPerToken, ownPerMicro = rateOf(rate, state.unitsPerToken, state.unitsPerMicro)
        mark = mark - refillTime(laterGranted * ownPerToken, ownPerMicro)
      end
      state.mark = mark
    end
  end,

  charge = function(state, key, limit, granted, wait, spendWithin)
    local unitsPerToken = limit.a
    local unitsPerMicro = limit.b
    local skew = state.skew
    local stateNow = now + skew
    local later = wait + spendWithin
    local bornAt = stateNow
    local baseFullAt, baseFraction, basePerMicro = bornAt, 0, unitsPerMicro
    local latestOlder, refunded, count = bornAt, 0, 0
    -- The attempts are what `text` contains from `from` on. Long texts are copied once only.
    local text, from = '', 1
    local missing = state.missing
    if missing > 0 then
      bornAt = state.bornAt
      text, from = state.value, ATTEMPTS_START
      baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count = readHistory(text)
      if state.unitsPerToken ~= unitsPerToken or state.unitsPerMicro ~= unitsPerMicro then
        text, from = withRates(sub(text, from), state), 1
      end
    end

    missing = max(0, missing - later * unitsPerMicro) + granted * unitsPerToken
    local fraction = missing % unitsPerMicro
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

    local fullAfter = refillTime(missing, unitsPerMicro)
    state.available = tokensLeft(limit.max, unitsPerToken, missing)
    state.fullAfter = fullAfter
    state.mark = fullAt + refunded
    local numbers = pack(
      ALL_NUMBERS, BUCKET_VERSION,
      stateNow, skew, fullAt, fraction, bornAt, unitsPerToken, unitsPerMicro,
      baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count
    )
    local value = numbers .. sub(text, from) .. state.name
      .. format('%d', max(0, stateNow + later - bornAt)) .. '=' .. textOf[granted]
    local ttl = newTtl(key, now + fullAfter)
    if ttl then
      command('SET', key, value, 'PX', ttl)
    else
      command('SET', key, value, 'KEEPTTL')
    end
    return spendWithin
  end,
}
