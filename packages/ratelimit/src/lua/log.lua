-- slidingWindow: a sorted set with a member 'token:cost' for each request, by its µs; and 'used',
-- minus the sum of the costs, which is first. Where some are to be spent later, 'last' stands
-- before it, minus the µs at which this was written last. What was refunded keeps its member for
-- ten seconds, so that its attempt is known if it comes again, with the µs of its refund as a
-- fraction of 1.
-- a: the window, µs
-- cost: O(log n) in the requests of the window, and O(1) for each that has left it; a denial of
-- cost c looks at c of them at most

local REFUNDED = 1e16

local function cost(entry) return tonumber(match(entry, '%d+$')) or 0 end

-- Not what we wrote: the limit begins anew.
local function startOver(key, limit)
  if not peeking then
    command('DEL', key)
    reportForeignValue(key, 'no requests of a limiter')
  end
  return { available = limit, full = 0, ready = 0, used = 0 }
end

-- Where the clock was set back by more than a second since this was written, all of it moves along.
-- What was written last is the newest, if
-- nothing is to be spent later.
local function moveBack(key, last)
  local by = (last or tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2])) - now
  if by <= 1000000 then return false end
  local all = command('ZRANGEBYSCORE', key, 1, '+inf', 'WITHSCORES')
  useNoMemory(key)
  for j = 1, #all, 2 do command('ZADD', key, all[j + 1] - by, all[j]) end
  if last then command('ZADD', key, -now, 'last') end
  return true
end

-- Whether an attempt ran before, what it was granted, and when.
local function logged(key, token, min, max)
  if min == max then return command('ZSCORE', key, token .. ':' .. format('%.0f', min)), min end
  local newest = command('ZRANGE', key, -16, -1, 'WITHSCORES')
  for j = 1, #newest, 2 do
    if sub(newest[j], 1, #token + 1) == token .. ':' then return newest[j + 1], cost(newest[j]) end
  end
end

kinds.log = {
  look = function(key, limit, a, b, min, hold, token, max)
    local first = command('ZRANGE', key, 0, 2, 'WITHSCORES')
    local last
    if first[1] == 'last' then
      last = -first[2]
      table.remove(first, 1)
      table.remove(first, 1)
    end
    if not first[1] and not last then return { available = limit, full = 0, ready = 0, used = 0 } end
    local newest = tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
    local used = first[1] == 'used' and -first[2]
    if not used or not areSane(used, newest, last or 0) then return startOver(key, limit) end

    if first[4] and tonumber(first[4]) <= now - a then
      local old = command('ZRANGEBYSCORE', key, 1, now - a)
      for j = 1, #old do used = used - cost(old[j]) end
      if not peeking then
        if #old > 0 then command('ZREMRANGEBYSCORE', key, 1, now - a) end
        if tonumber(first[4]) < 1 then command('ZREMRANGEBYSCORE', key, '(0', (now - 10000000) / REFUNDED) end
        if #old > 0 then command('ZADD', key, -used, 'used') end
      end
    end
    if used <= 0 then return { available = limit, full = 0, ready = 0, used = 0, last = last, exists = true } end

    if newest > now + 1000000 and moveBack(key, last) then newest = tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2]) end
    local seen = { available = limit - used, full = newest + a - now, ready = 0, used = used, last = last, exists = true }
    local missing = min - seen.available
    if missing > 0 or min < max then
      local at, granted = logged(key, token, min, max)
      if at then seen.granted, seen.wait = granted, most(0, at - now) end
    end
    if missing > 0 then
      local oldest = command('ZRANGEBYSCORE', key, '(' .. format('%.0f', now - a), '+inf', 'WITHSCORES', 'LIMIT', 0, missing)
      for j = 1, #oldest, 2 do
        missing = missing - cost(oldest[j])
        seen.ready = oldest[j + 1] + a - now
        if missing <= 0 then break end
      end
    end
    return seen
  end,

  charge = function(key, limit, a, b, granted, wait, hold, token, seen)
    local used, till, entry = seen.used + granted, now + wait + hold, token .. ':' .. format('%.0f', granted)
    local added
    -- LT: an attempt that comes again keeps the time at which it came first.
    if seen.last or till > now then added = command('ZADD', key, 'LT', -now, 'last', -used, 'used', till, entry) - (seen.last and 0 or 1)
    else added = command('ZADD', key, 'LT', -used, 'used', till, entry) end
    if added == (seen.exists and 0 or 1) then
      used = seen.used
      command('ZADD', key, -used, 'used')
    end
    seen.available, seen.full = limit - used, most(seen.full, till + a - now)
    command('PEXPIRE', key, ttl(now + seen.full))
    return hold
  end,

  refund = function(key, a, b, mark, token, charged)
    local entry = token .. ':' .. format('%.0f', charged)
    local since = tonumber(command('ZSCORE', key, entry) or 0)
    if since <= now - a or since < 1 then return false, 0 end
    command('ZREM', key, entry)
    command('ZADD', key, now / REFUNDED, entry)
    command('ZINCRBY', key, charged, 'used')
    return true, 0
  end,
}
