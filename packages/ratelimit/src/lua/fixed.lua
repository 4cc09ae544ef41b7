-- fixedWindow: 'last skew start used older;attempts': the µs at which this was written and by which
-- they are ahead of the clock (ahead), the
-- µs at which the window began and what was taken in it, the windows before one that was booked,
-- each as '|start used', the latest first,
-- and the latest attempts of these windows (noted). All µs are the state's own.
-- a: the window, µs

local function readFixed(key)
  local last, skew, start, used, older, attempts = match(command('GET', key) or '', '^(%d+) (%d+) (%d+) (%d+)([| %d]*);(.*)$')
  if not last or not areSane(last, skew, start, used) then return end
  local moved
  skew, moved = ahead(tonumber(last), tonumber(skew))
  start, used = tonumber(start), tonumber(used)
  if moved then
    useNoMemory(key)
    command('SET', key, format('%s %.0f %.0f %.0f%s;%s', last, skew, start, used, older, attempts), 'KEEPTTL')
  end
  return now + skew, skew, start, used, older, attempts
end

kinds.fixed = {
  look = function(key, limit, a, b, min, hold, token)
    local now, skew, start, used, older, attempts = readFixed(key)
    if not start or now >= start + a or used == 0 and now >= start then
      return { available = limit, full = 0, ready = 0, used = 0, skew = skew or 0, older = '', attempts = attempts or '', granted = attempted(attempts, token, nil, '') }
    end
    local seen = { available = limit - used, full = 0, ready = 0, start = start, used = used, skew = skew, older = older, attempts = attempts }
    seen.granted, seen.wait, seen.mark = attempted(attempts, token, start, older)
    if used > 0 then seen.full = start + a - now elseif now < start then seen.full = start - now end
    if seen.available < min then seen.ready = start + a - now elseif now < start then seen.ready = start - now end
    if now < start then seen.available = 0 end -- booked: it has not begun
    return seen
  end,

  charge = function(key, limit, a, b, granted, wait, hold, token, seen)
    local now = now + seen.skew
    local at, start, used, older, attempts = now + wait, seen.start, seen.used + granted, seen.older, seen.attempts
    local same = start and at < start + a
    if not same and start and at > now then
      -- It comes back when what is booked behind it is refunded.
      older, attempts = format('|%.0f %.0f%s', start, seen.used, older), attempts .. '/'
    elseif not same or older ~= '' and start <= now then
      older, attempts = '', ''
    end
    if not same then start, used = at, granted end
    local state = format('%.0f %.0f %.0f %.0f%s;%s', now, seen.skew, start, used, older, noted(attempts, token, granted, wait))
    if same then command('SET', key, state, 'KEEPTTL') else command('SET', key, state, 'PX', ttl(start + a - seen.skew)) end
    seen.available, seen.full, seen.mark = limit - used, start + a - now, start
    return least(hold, start + a - at)
  end,

  refund = function(key, a, b, mark, token, charged)
    local now, skew, start, used, older, attempts = readFixed(key)
    if not start or now >= mark + a then return false, 0 end
    if start == mark then used = most(0, used - charged)
    else
      local from, to, taken = find(older, format('|%.0f (%%d+)', mark))
      if not from then return false, 0 end
      older = sub(older, 1, from) .. format('%.0f %.0f', mark, most(0, taken - charged)) .. sub(older, to + 1)
    end
    -- A booked window in which nothing is left makes place for the one before.
    while used == 0 and start > now and older ~= '' do
      local x, y, rest = match(older, '^|(%d+) (%d+)(.*)$')
    if not x then break end
      start, used, older, attempts = tonumber(x), tonumber(y), rest, merged(attempts)
    end
    if used == 0 and start > now then start = now end
    command('SET', key, format('%.0f %.0f %.0f %.0f%s;%s', now, skew, start, used, older, attempts), 'KEEPTTL')
    return true, mark + a - now
  end,
}
