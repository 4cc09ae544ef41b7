-- tokenBucket, gcra: 'last skew whole fraction born|from rest latest given|count attempts': the µs
-- at which this was written and by which they
-- are ahead of the clock (ahead); the µs at which the bucket is full again and a fraction of b
-- units; and the µs at which this state began.
-- For refunds: the latest attempts, each as ',name@at=granted', at µs since the state began, and
-- how many they are; the µs at which the
-- bucket would be full again without them, and a fraction; the latest µs for which an older one was
-- charged, and the µs that refunds have
-- given back. All µs are the state's own.
-- a: units of a token  b: units that come back in a µs

-- The latest attempts that are kept, and more of them while they wait for their turns.
local KEPT, WAITING = 16, 64

-- How many tokens there are where so many units are owed.
local function tokens(limit, a, owed) return owed < limit * a and div(limit * a - owed, a) or 0 end

local function readBucket(key)
  local last, skew, whole, fraction, born, own = match(command('GET', key) or '', '^(%d+) (%d+) (%d+) (%d+) (%d+)|(%d+ %d+ %d+ %d+|%d+[^|]*)$')
  if not last or not areSane(last, skew, whole, fraction, born, match(own, '^(%d+) (%d+) (%d+) (%d+)|(%d+)')) then return end
  local moved
  skew, moved = ahead(tonumber(last), tonumber(skew))
  if moved then
    useNoMemory(key)
    command('SET', key, format('%s %.0f %s %s %s|%s', last, skew, whole, fraction, born, own), 'KEEPTTL')
  end
  return now + skew, skew, tonumber(whole), tonumber(fraction), tonumber(born), own
end

local function history(own)
  local from, rest, latest, given, count, attempts = match(own, '^(%d+) (%d+) (%d+) (%d+)|(%d+)(.*)$')
  return tonumber(from), tonumber(rest), tonumber(latest), tonumber(given), tonumber(count), attempts
end

local function owedAt(whole, fraction, at, b) return most(0, (whole - at) * b + fraction) end

-- When the bucket is full again after a charge, where it was to be at whole and a fraction.
local function after(whole, fraction, at, cost, b)
  local owed = owedAt(whole, fraction, at, b) + cost
  local rest = fmod(owed, b)
  return at + (owed - rest) / b, rest
end

kinds.bucket = {
  look = function(key, limit, a, b, min, hold, token)
    local now, skew, whole, fraction, born, own = readBucket(key)
    local owed = whole and most(0, (whole - now) * b + least(fraction, b - 1)) or 0
    local seen = { available = tokens(limit, a, owed), full = div(owed + b - 1, b), ready = 0, owed = owed, skew = skew or 0, born = born, own = own }
    local over = owed - (limit - min) * a
    if over > 0 then seen.ready = div(over + b - 1, b) end
    if hold > 0 then seen.holdable = tokens(limit, a, most(owed, hold * b)) end

    local name = ',' .. short(token) .. '@'
    local from = own and find(own, name, 1, true)
    local at, granted, later
    if from then at, granted, later = match(own, '^(%d+)=(%d+)(.*)$', from + #name) end
    if at then
      local _, _, _, given = history(own)
      seen.granted, seen.wait, seen.mark = tonumber(granted), most(0, born + at - now), whole + given
      for more in string.gmatch(later, '=(%d+)') do seen.mark = seen.mark - div(more * a + b - 1, b) end
    end
    return seen
  end,

  charge = function(key, limit, a, b, granted, wait, hold, token, seen)
    local now, later = now + seen.skew, wait + hold
    local born = seen.owed > 0 and seen.born or now -- one that is full begins anew
    local from, rest, latest, given, count, attempts = born, 0, born, 0, 0, ''
    if seen.own and seen.owed > 0 then from, rest, latest, given, count, attempts = history(seen.own) end

    local owed = most(0, seen.owed - later * b) + granted * a
    local fraction = fmod(owed, b)
    local whole = now + later + (owed - fraction) / b
    owed = owed + later * b
    attempts, count = format('%s,%s@%.0f=%.0f', attempts, short(token), now + later - born, granted), count + 1
    while count > KEPT do
      local at, cost, others = match(attempts, '^,[^@]*@(%d+)=(%d+)(.*)$')
      if not at then -- not what we wrote
        attempts, count = '', 0
        break
      end
      at = born + at
      if at > now and count <= WAITING then break end
      from, rest = after(from, rest, at, cost * a, b)
      latest, attempts, count = most(latest, at), others, count - 1
    end

    seen.available, seen.full, seen.mark = tokens(limit, a, owed), div(owed + b - 1, b), whole + given
    local state = format('%.0f %.0f %.0f %.0f %.0f|%.0f %.0f %.0f %.0f|%.0f%s', now, seen.skew, whole, fraction, born, from, rest, latest, given, count, attempts)
    command('SET', key, state, 'PX', ttl(now - seen.skew + seen.full))
    return hold
  end,

  -- The bucket is never fuller than if the request had not been: what would have come back by
  -- itself is not given back. As full, for one of
  -- the latest attempts; an older one may get less.
  refund = function(key, a, b, mark, token, charged, chargedAt)
    local now, skew, whole, fraction, born, own = readBucket(key)
    if not own then return false, 0 end
    local from, rest, latest, given, count, attempts = history(own)
    local name, back = short(token), 0
    local listed = find(attempts, ',' .. name .. '@', 1, true)
    if not listed then
      local open = mark - given - most(now, latest)
      if open <= 0 or born > chargedAt then return false, 0 end
      back = least(charged * a, open * b)
      local old = most(0, (from - now) * b + rest - back)
      rest = fmod(old, b)
      from = now + (old - rest) / b
    end

    -- The latest attempts once more, with the one that is refunded (to w, z) and without (to x, y):
    -- it stays in the list, with nothing, as it may
    -- come again. It counts if the bucket is less full for it, before those that still wait for
    -- their turns.
    local kept, w, z, x, y, counts = '', from, rest, from, rest, nil
    for one, offset, cost in string.gmatch(attempts, ',([^@]*)@(%d+)=(%d+)') do
      local at = born + offset
      if at > now and counts == nil then counts = owedAt(w, z, now, b) ~= owedAt(x, y, now, b) end
      w, z = after(w, z, at, cost * a, b)
      if one == name then
        if cost == '0' then return false, 0 end
        counts, back = at > now or nil, (w - x) * b + z - y
        offset, cost = '0', '0'
      else
        x, y = after(x, y, at, cost * a, b)
      end
      kept = format('%s,%s@%s=%s', kept, one, offset, cost)
    end
    if counts == nil then counts = owedAt(w, z, now, b) ~= owedAt(x, y, now, b) end
    if listed and not counts then return false, 0 end

    given = given + div(back + b - 1, b)
    command('SET', key, format('%.0f %.0f %.0f %.0f %.0f|%.0f %.0f %.0f %.0f|%.0f%s', now, skew, x, y, born, from, rest, latest, given, count, kept), 'KEEPTTL')
    return true, most(0, mark - now) -- given begins anew when the bucket does
  end,
}
