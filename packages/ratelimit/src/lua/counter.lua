-- slidingCounter: 'last skew start used before older;attempts': as fixed.lua, with what was taken
-- in the window before; each of the older
-- windows is '|start used before'.
-- What the window before still weighs falls with each whole ms of this one.
-- a: the window, µs

local function free(limit, used, before, ms, passed)
  local room = (limit - used) * ms - before * (ms - passed)
  return room > 0 and div(room, ms) or 0
end

local function readCounter(key)
  local last, skew, start, used, before, older, attempts = match(command('GET', key) or '', '^(%d+) (%d+) (%d+) (%d+) (%d+)([| %d]*);(.*)$')
  if not last or not areSane(last, skew, start, used, before) then return end
  local moved
  skew, moved = ahead(tonumber(last), tonumber(skew))
  if moved then
    useNoMemory(key)
    command('SET', key, format('%s %.0f %s %s %s%s;%s', last, skew, start, used, before, older, attempts), 'KEEPTTL')
  end
  return now + skew, skew, tonumber(start), tonumber(used), tonumber(before), older, attempts
end

kinds.counter = {
  look = function(key, limit, a, b, min, hold, token)
    local now, skew, start, used, before, older, attempts = readCounter(key)
    local stored = start
    if start and now >= start + a then start, used, before = start + a, 0, used end
    -- After a window in which nothing was taken, the next one begins with the next request.
    if not start or now >= start + a or used + before == 0 and now >= start then
      return { available = limit, full = 0, ready = 0, used = 0, before = 0, skew = skew or 0, older = '', attempts = attempts or '', granted = attempted(attempts, token, nil, '') }
    end

    local ms = a / 1000
    local seen = {
      available = free(limit, used, before, ms, most(0, div(now - least(start, now), 1000))), full = 0, ready = 0, skew = skew,
      stored = stored, start = start, used = used, before = before, older = older, attempts = attempts,
    }
    seen.granted, seen.wait, seen.mark = attempted(attempts, token, stored, older)
    if used > 0 then seen.full = start + 2 * a - now elseif before > 0 then seen.full = start + a - now end
    if seen.available < min then
      local room = limit - used - min
      if room >= 0 then seen.ready = start + 1000 * (ms - least(ms, div(room * ms, before))) - now
      else seen.ready = start + a + 1000 * (ms - least(ms, div((limit - min) * ms, used))) - now end
    end
    -- booked: it has not begun
    if now < start then seen.available, seen.ready, seen.full = 0, most(seen.ready, start - now), most(seen.full, start - now) end
    return seen
  end,

  charge = function(key, limit, a, b, granted, wait, hold, token, seen)
    local now = now + seen.skew
    local at, start, used, before, older, attempts = now + wait, seen.start, seen.used, seen.before, seen.older, seen.attempts
    if start and at >= start + a then start, used, before = start + a, 0, used end
    if not start or at >= start + a or used + before == 0 then start, used, before = at, 0, 0 end
    if seen.start and start ~= seen.start and start > now then
      -- It comes back when what is booked behind it is refunded.
      older, attempts = format('|%.0f %.0f %.0f%s', seen.start, seen.used, seen.before, older), attempts .. '/'
    elseif start ~= seen.stored or older ~= '' and start <= now then
      older, attempts = '', ''
    end
    used = used + granted
    seen.available, seen.full, seen.mark = free(limit, used, before, a / 1000, div(most(at, start) - start, 1000)), start + 2 * a - now, start
    local state = format('%.0f %.0f %.0f %.0f %.0f%s;%s', now, seen.skew, start, used, before, older, noted(attempts, token, granted, wait))
    if start == seen.stored then command('SET', key, state, 'KEEPTTL') else command('SET', key, state, 'PX', ttl(start + 2 * a - seen.skew)) end
    return least(hold, start + a - at)
  end,

  refund = function(key, a, b, mark, token, charged)
    local now, skew, start, used, before, older, attempts = readCounter(key)
    if not start or now >= mark + 2 * a then return false, 0 end

    local windows, at = { { start, used, before } }, nil
    for x, y, z in string.gmatch(older, '|(%d+) (%d+) (%d+)') do windows[#windows + 1] = { tonumber(x), tonumber(y), tonumber(z) } end
    for i, one in ipairs(windows) do
      if one[1] == mark then
        one[2], at = most(0, one[2] - charged), i
        local after = windows[i - 1]
        if after and after[1] - mark == a then after[3] = most(0, after[3] - charged) end
      end
    end
    local first = windows[#windows]
    if not at and first[1] - mark == a then first[3], at = most(0, first[3] - charged), #windows end
    if not at then return false, 0 end

    -- A booked window in which nothing is left makes place for the one before.
    while #windows > 1 and windows[1][2] == 0 and windows[1][1] > now do
      table.remove(windows, 1)
      attempts = merged(attempts)
    end
    local top, rest = windows[1], ''
    if top[2] + top[3] == 0 then top[1] = least(top[1], now) end
    for i = 2, #windows do rest = rest .. format('|%.0f %.0f %.0f', windows[i][1], windows[i][2], windows[i][3]) end
    command('SET', key, format('%.0f %.0f %.0f %.0f %.0f%s;%s', now, skew, top[1], top[2], top[3], rest, attempts), 'KEEPTTL')
    return true, mark + 2 * a - now
  end,
}
