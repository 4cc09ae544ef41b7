-- tokenBucket, gcra: 'full fraction born latest given', the µs at which the bucket is full again and a fraction of b units, the µs at which
-- this state began, the latest µs for which anything was charged, and the µs given back by refunds.
-- a: units of a token  b: units that come back in a µs

local STATE = '^(%d+) (%d+) (%d+) (%d+) (%d+)$'

-- How many tokens there are where so many units are owed.
local function tokens(limit, a, owed) return owed < limit * a and div(limit * a - owed, a) or 0 end

kinds.bucket = {
  look = function(key, limit, a, b, min, hold)
    local state, owed, born, latest, given = command('GET', key), 0, now, now, 0
    if state then
      local whole, fraction, x, y, z = match(state, STATE)
      if whole then owed, born, latest, given = most(0, (whole - now) * b + least(fraction, b - 1)), tonumber(x), tonumber(y), tonumber(z) end
    end
    local seen = { available = tokens(limit, a, owed), full = now + div(owed + b - 1, b), ready = now, owed = owed, born = born, latest = latest, given = given }
    local over = owed - (limit - min) * a
    if over > 0 then seen.ready = now + div(over + b - 1, b) end
    if hold > 0 then seen.holdable = tokens(limit, a, most(owed, hold * b)) end
    return seen
  end,

  charge = function(key, limit, a, b, granted, at, hold, token, seen)
    local later = at - now + hold
    local owed = most(0, seen.owed - later * b) + granted * a
    local fraction = fmod(owed, b)
    local whole = now + later + (owed - fraction) / b
    owed = owed + later * b
    seen.available, seen.full, seen.mark = tokens(limit, a, owed), now + div(owed + b - 1, b), whole + seen.given
    command('SET', key, format('%.0f %.0f %.0f %.0f %.0f', whole, fraction, seen.born, most(seen.latest, now + later), seen.given), 'PX', ttl(seen.full))
    return hold
  end,

  -- Not more than would not have come back by itself: the bucket is never fuller than if the request had not been.
  refund = function(key, a, b, mark, token, charged, chargedAt)
    local whole, fraction, born, latest, given = match(command('GET', key) or '', STATE)
    local open = whole and mark - given - most(now, latest) or 0
    if open <= 0 or tonumber(born) > chargedAt then return false, 0 end
    local back = least(charged * a, open * b)
    local owed = most(0, (whole - now) * b + fraction - back)
    local rest = fmod(owed, b)
    command('SET', key, format('%.0f %.0f %s %s %.0f', now + (owed - rest) / b, rest, born, latest, given + math.ceil(back / b)), 'KEEPTTL')
    return true, mark - given - now
  end,
}
