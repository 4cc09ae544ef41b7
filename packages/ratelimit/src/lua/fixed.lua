-- fixedWindow: 'start used', the µs at which the window began, and what was taken in it.
-- a: the window, µs

kinds.fixed = {
  look = function(key, limit, a, b, min)
    local start, used = match(command('GET', key) or '', '^(%d+) (%d+)$')
    start, used = tonumber(start), tonumber(used)
    if not start or now >= start + a then return { available = limit, full = now, ready = now, used = 0 } end

    local seen = { available = limit - used, full = now, ready = now, start = start, used = used }
    if used > 0 then seen.full = start + a elseif now < start then seen.full = start end
    if seen.available < min then seen.ready = start + a elseif now < start then seen.ready = start end
    if now < start then seen.available = 0 end -- booked: it has not begun
    return seen
  end,

  charge = function(key, limit, a, b, granted, at, hold, token, seen)
    local start, used = seen.start, seen.used + granted
    if start and at < start + a then
      command('SET', key, format('%.0f %.0f', start, used), 'KEEPTTL')
    else
      start, used = at, granted
      command('SET', key, format('%.0f %.0f', start, used), 'PX', ttl(start + a))
    end
    seen.available, seen.full, seen.mark = limit - used, start + a, start
    return least(hold, start + a - at)
  end,

  refund = function(key, a, b, mark, token, charged)
    local start, used = match(command('GET', key) or '', '^(%d+) (%d+)$')
    if tonumber(start) ~= mark or now >= mark + a then return false, 0 end
    command('SET', key, format('%s %.0f', start, most(0, used - charged)), 'KEEPTTL')
    return true, mark + a - now
  end,
}
