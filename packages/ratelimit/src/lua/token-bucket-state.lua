-- The state of a token bucket: how it is stored, and what it means.
-- It is a string of a version byte, the numbers of the bucket, those of its history, and attempts.
-- bucket: writtenAt skew fullAt fraction bornAt unitsPerToken unitsPerMicro
--   writtenAt      the time of the latest write
--   skew           by how much the state's own time is ahead of the clock (MAX_SET_BACK)
--   fullAt         when the bucket is full again, without a fraction
--   fraction       the units that are missing at fullAt, fewer than come back in a µs
--   bornAt         when this state began; a full bucket begins a new state
--   unitsPerToken, unitsPerMicro  the rate of the latest charge
-- history, for refunds: baseFullAt baseFraction baseUnitsPerMicro latestOlder refunded count
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
-- needs common.lua, kinds.lua, own-time.lua

-- The byte before the numbers. Another format needs another one.
local BUCKET_VERSION = 1
local BUCKET_NUMBERS = '>BI7I7I7I7I7I7I7'
local HISTORY_NUMBERS = '>I7I7I7I7I7I7'
local ALL_NUMBERS = BUCKET_NUMBERS .. 'I7I7I7I7I7I7'
-- Where the history and the attempts begin.
local HISTORY_START = 51
local ATTEMPTS_START = 93

-- Returns how many tokens there are if so many units are missing.
local function tokensLeft(limit, unitsPerToken, missing)
  local units = limit * unitsPerToken - missing
  return units > 0 and (units - units % unitsPerToken) / unitsPerToken or 0
end

-- Returns the units that are missing at a time.
local function missingAt(fullAt, fraction, at, unitsPerMicro)
  local missing = (fullAt - at) * unitsPerMicro + fraction
  return missing > 0 and missing or 0
end

-- Returns the time in which so many units come back, rounded up.
local function refillTime(units, unitsPerMicro)
  if unitsPerMicro == 1 then
    return units
  end
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
  local rest = missing % unitsPerMicro
  return at + (missing - rest) / unitsPerMicro, rest, unitsPerMicro
end

-- Returns the rate of an attempt: what follows its '=granted', or else the rate of the bucket.
local function rateOf(text, bucketPerToken, bucketPerMicro)
  local unitsPerToken, unitsPerMicro = match(text, '^%*(%d+)/(%d+)$')
  if not unitsPerToken or not areValidNumbers(unitsPerToken, unitsPerMicro) then
    return bucketPerToken, bucketPerMicro
  end
  return max(1, tonumber(unitsPerToken)), max(1, tonumber(unitsPerMicro))
end

-- Writes the rate after each attempt that has the rate of the bucket.
local function withRates(attempts, bucket)
  local rate = format('*%d/%d', bucket.unitsPerToken, bucket.unitsPerMicro)
  return (string.gsub(attempts, '(=%d+)(%*?)', function(granted, star)
    return granted .. (star == '' and rate or star)
  end))
end

-- Reads a bucket into a table: its fields, its `value` (false if there is no bucket) and the
-- state's own `now`.
local function readBucket(bucket, key)
  bucket.value = false
  bucket.skew = 0
  bucket.now = now
  local value = command('GET', key)
  if not value or #value < ATTEMPTS_START - 1 then
    return
  end
  local version, writtenAt, skew, fullAt, fraction, bornAt, unitsPerToken, unitsPerMicro =
    unpackNumbers(BUCKET_NUMBERS, value)
  if
    version ~= BUCKET_VERSION
    or max(writtenAt, skew, fullAt, fraction, bornAt, unitsPerToken, unitsPerMicro) > MAX_EXACT
  then
    return
  end
  if now + skew < writtenAt - MAX_SET_BACK then
    skew = writtenAt - now
    allowWriteWhenFull(key)
    local numbers = pack(
      BUCKET_NUMBERS, BUCKET_VERSION,
      writtenAt, skew, fullAt, fraction, bornAt, unitsPerToken, unitsPerMicro
    )
    command('SET', key, numbers .. sub(value, HISTORY_START), 'KEEPTTL')
  end
  unitsPerToken = max(1, unitsPerToken)
  unitsPerMicro = max(1, unitsPerMicro)
  bucket.value = value
  bucket.skew = skew
  bucket.now = now + skew
  bucket.fullAt = fullAt
  bucket.fraction = min(fraction, unitsPerMicro - 1)
  bucket.bornAt = bornAt
  bucket.unitsPerToken = unitsPerToken
  bucket.unitsPerMicro = unitsPerMicro
end

-- Returns the numbers of the history of a bucket.
local function readHistory(value)
  local baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count =
    unpackNumbers(HISTORY_NUMBERS, value, HISTORY_START)
  basePerMicro = max(1, basePerMicro)
  baseFraction = min(baseFraction, basePerMicro - 1)
  return baseFullAt, baseFraction, basePerMicro, latestOlder, refunded, count
end
