-- The refund of fixedWindow. A script that only decides does not contain it.
-- cost: O(1)
-- needs common.lua, attempts.lua, fixed-window.lua

kinds.fixed.refund = function(key, window, b, mark, token, charged)
  local stateNow, skew, start, used, older, attempts = readFixed(key)
  if not start or stateNow >= mark + window then
    return false, 0
  end
  if start == mark then
    used = max(0, used - charged)
  else
    local from, to, olderUsed = find(older, format('|%.0f (%%d+)', mark))
    if not from then
      return false, 0
    end
    local refunded = format('%.0f %.0f', mark, max(0, olderUsed - charged))
    older = sub(older, 1, from) .. refunded .. sub(older, to + 1)
  end
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
  writeFixed(key, stateNow, skew, start, used, older, attempts, 'KEEPTTL')
  return true, mark + window - stateNow
end
