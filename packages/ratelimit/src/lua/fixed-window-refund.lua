-- The refund of fixedWindow. A script that only decides does not contain it.
-- cost: O(1)
-- needs common.lua, attempts.lua, fixed-window.lua

kinds.fixed.refund = function(key, window, b, mark, token, charged)
  local stateNow, skew, start, used, older, from, value = readFixed(key)
  if not start or stateNow >= mark + window then
    return false, 0
  end
  if start == mark then
    used = max(0, used - charged)
  else
    local first, last, olderUsed = find(older, format('|%d (%%d+)', mark))
    if not first then
      return false, 0
    end
    local refunded = format('%d %d', mark, max(0, olderUsed - charged))
    older = sub(older, 1, first) .. refunded .. sub(older, last + 1)
  end
  local attempts = sub(value, from)
  -- A booked window without charges makes room for the window before it.
  while used == 0 and start > stateNow and older ~= '' do
    local olderStart, olderUsed, rest = match(older, '^|(%d+) (%d+)(.*)$')
    if not olderStart then
      break
    end
    start = tonumber(olderStart)
    used = tonumber(olderUsed)
    older = rest
    attempts = mergeAttempts(attempts)
  end
  if used == 0 and start > stateNow then
    start = stateNow
  end
  local numbers = pack(FIXED_NUMBERS, FIXED_VERSION, stateNow, skew, start, used)
  command('SET', key, numbers .. older .. ';' .. attempts, 'KEEPTTL')
  return true, mark + window - stateNow
end
