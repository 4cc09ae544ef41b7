-- The refund of tokenBucket and gcra. A script that only decides does not contain it.
-- cost: O(1)
-- needs common.lua, kinds.lua, own-time.lua, token-bucket-state.lua, token-bucket.lua

-- After a refund the bucket is never fuller than if the request had never been made: tokens that
-- have come back by themselves are not given back. For one of the latest attempts it is exactly
-- as full. For an older attempt it can be less full.
kinds.bucket.refund = function(key, unitsPerToken, unitsPerMicro, mark, token, charged, chargedAt)
  local bucket = {}
  readBucket(bucket, key)
  if not bucket.value then
    return false, 0
  end
  local stateNow = bucket.now
  local baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count =
    readHistory(bucket.value)
  local attempts = sub(bucket.value, ATTEMPTS_START)
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
    baseFraction = missing % basePerMicro
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
    local ownPerToken, ownPerMicro = rateOf(rate, bucket.unitsPerToken, bucket.unitsPerMicro)
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
  fullAt, fraction = toRate(fullAt, fraction, perMicro, bucket.unitsPerMicro)
  local numbers = pack(
    ALL_NUMBERS, BUCKET_VERSION,
    stateNow, bucket.skew, fullAt, fraction, bucket.bornAt, bucket.unitsPerToken,
    bucket.unitsPerMicro,
    baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count
  )
  command('SET', key, numbers .. kept, 'KEEPTTL')
  -- `refunded` begins anew when the bucket does.
  return true, max(0, mark - stateNow)
end
