-- The refund of slidingCounter. A script that only decides does not contain it.
-- cost: O(1)
-- needs common.lua, attempts.lua, sliding-window-counter.lua

kinds.counter.refund = function(key, window, b, mark, token, charged)
  local stateNow, skew, start, used, before, older, from, value = readCounter(key)
  if not start or stateNow >= mark + 2 * window then
    return false, 0
  end

  -- The latest window first.
  local windows = { { start = start, used = used, before = before } }
  for olderStart, olderUsed, olderBefore in string.gmatch(older, '|(%d+) (%d+) (%d+)') do
    windows[#windows + 1] = {
      start = tonumber(olderStart),
      used = tonumber(olderUsed),
      before = tonumber(olderBefore),
    }
  end
  local found = false
  for i, candidate in ipairs(windows) do
    if candidate.start == mark then
      candidate.used = max(0, candidate.used - charged)
      found = true
      local after = windows[i - 1]
      if after and after.start - mark == window then
        after.before = max(0, after.before - charged)
      end
    end
  end
  local oldest = windows[#windows]
  if not found and oldest.start - mark == window then
    oldest.before = max(0, oldest.before - charged)
    found = true
  end
  if not found then
    return false, 0
  end

  local attempts = sub(value, from)
  -- A booked window without charges makes room for the window before it.
  while #windows > 1 and windows[1].used == 0 and windows[1].start > stateNow do
    table.remove(windows, 1)
    attempts = mergeAttempts(attempts)
  end
  local current = windows[1]
  start = current.start
  if current.used + current.before == 0 then
    start = min(start, stateNow)
  end
  older = ''
  for i = 2, #windows do
    local entry = windows[i]
    older = older .. format('|%d %d %d', entry.start, entry.used, entry.before)
  end
  used = current.used
  before = current.before
  local numbers = pack(COUNTER_NUMBERS, COUNTER_VERSION, stateNow, skew, start, used, before)
  command('SET', key, numbers .. older .. ';' .. attempts, 'KEEPTTL')
  return true, mark + 2 * window - stateNow
end
