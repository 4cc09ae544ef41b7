-- slidingCounter: 'start used before', the µs at which the window began, what was taken in it, and in the window before.
-- What the window before still weighs falls with each whole ms of this one.
-- a: the window, µs

local function free(limit, used, before, ms, passed)
  local room = (limit - used) * ms - before * (ms - passed)
  return room > 0 and div(room, ms) or 0
end

kinds.counter = {
  look = function(key, limit, a, b, min)
    local start, used, before = match(command('GET', key) or '', '^(%d+) (%d+) (%d+)$')
    start, used, before = tonumber(start), tonumber(used), tonumber(before)
    local stored = start
    if start and now >= start + a then start, used, before = start + a, 0, used end
    -- After a window in which nothing was taken, the next one begins with the next request.
    if not start or now >= start + a or used + before == 0 and now >= start then return { available = limit, full = now, ready = now, used = 0, before = 0 } end

    local ms = a / 1000
    local seen = { available = free(limit, used, before, ms, most(0, div(now - least(start, now), 1000))), full = now, ready = now, stored = stored, start = start, used = used, before = before }
    if used > 0 then seen.full = start + 2 * a elseif before > 0 then seen.full = start + a end
    if seen.available < min then
      local room = limit - used - min
      if room >= 0 then seen.ready = start + 1000 * (ms - least(ms, div(room * ms, before)))
      else seen.ready = start + a + 1000 * (ms - least(ms, div((limit - min) * ms, used))) end
    end
    if now < start then seen.available, seen.ready, seen.full = 0, most(seen.ready, start), most(seen.full, start) end -- booked: it has not begun
    return seen
  end,

  charge = function(key, limit, a, b, granted, at, hold, token, seen)
    local start, used, before = seen.start, seen.used, seen.before
    if start and at >= start + a then start, used, before = start + a, 0, used end
    if not start or at >= start + a or used + before == 0 then start, used, before = at, 0, 0 end
    used = used + granted
    seen.available, seen.full, seen.mark = free(limit, used, before, a / 1000, div(most(at, start) - start, 1000)), start + 2 * a, start
    local state = format('%.0f %.0f %.0f', start, used, before)
    if start == seen.stored then command('SET', key, state, 'KEEPTTL') else command('SET', key, state, 'PX', ttl(seen.full)) end
    return least(hold, start + a - at)
  end,

  refund = function(key, a, b, mark, token, charged)
    local start, used, before = match(command('GET', key) or '', '^(%d+) (%d+) (%d+)$')
    if not start or now >= mark + 2 * a then return false, 0 end
    if tonumber(start) == mark then used = most(0, used - charged)
    elseif start - mark == a then before = most(0, before - charged)
    else return false, 0 end
    command('SET', key, format('%s %.0f %.0f', start, used, before), 'KEEPTTL')
    return true, mark + 2 * a - now
  end,
}
