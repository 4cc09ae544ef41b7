-- Blocks: an id that is blocked is denied until its block ends.
-- State: a string 'endsAt duration', two numbers of µs. Its key is that of the id's states with
-- 'block' instead of the name and kind of a limit, in the same Cluster slot. For decisions it is
-- not among KEYS: most ids have no block, and while a Cluster slot moves, Redis refuses a call with
-- two keys of which only one is there (TRYAGAIN).
-- cost: O(1)
-- needs common.lua

local function blockKeyOf(stateKey)
  return (match(stateKey, '^(.*):[^:]*:[^:]*$') or stateKey) .. ':block'
end

-- Returns the µs until the block of an id ends; 0 if there is none. After the clock was set back,
-- the block ends at most its own duration from now.
local function blockedFor(stateKey)
  local key = blockKeyOf(stateKey)
  local value = redis.pcall('GET', key)
  if type(value) ~= 'string' then
    return 0
  end
  local endsAt, duration = match(value, '^(%d+) (%d+)$')
  if not endsAt or not areValidNumbers(endsAt, duration) then
    return 0
  end
  local left = endsAt - now
  if left > duration + 1000000 then
    left = tonumber(duration)
    if not peeking then
      allowWriteWhenFull(key)
      command('SET', key, format('%.0f %.0f', now + left, left), 'PX', ttlUntil(now + left))
    end
  end
  return max(0, left)
end
