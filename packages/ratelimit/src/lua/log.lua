-- slidingWindow: a sorted set with a member 'token:cost' for each request, by its µs; and 'used', minus the sum of the costs, which is first.
-- a: the window, µs
-- cost: O(log n) in the requests of the window, and O(1) for each that has left it; a denial of cost c looks at c of them at most

local function cost(entry) return tonumber(match(entry, '%d+$')) end

kinds.log = {
  look = function(key, limit, a, b, min, hold, peeking)
    local first = command('ZRANGE', key, 0, 1, 'WITHSCORES')
    if first[1] ~= 'used' then return { available = limit, full = now, ready = now, used = 0 } end

    local used, gone = -first[2], 0
    if tonumber(first[4]) <= now - a then
      local old = command('ZRANGEBYSCORE', key, 1, now - a)
      for j = 1, #old do used = used - cost(old[j]) end
      if peeking then
        gone = #old
      else
        command('ZREMRANGEBYSCORE', key, 1, now - a)
        if used > 0 then command('ZADD', key, -used, 'used') else command('DEL', key) end
      end
      if used == 0 then return { available = limit, full = now, ready = now, used = 0 } end
    end

    local seen = { available = limit - used, full = command('ZRANGE', key, -1, -1, 'WITHSCORES')[2] + a, ready = now, used = used }
    local missing = min - seen.available
    if missing > 0 then
      local oldest = command('ZRANGE', key, 1 + gone, missing + gone, 'WITHSCORES')
      for j = 1, #oldest, 2 do
        missing = missing - cost(oldest[j])
        seen.ready = oldest[j + 1] + a
        if missing <= 0 then break end
      end
    end
    return seen
  end,

  charge = function(key, limit, a, b, granted, at, hold, token, seen)
    local used, till = seen.used + granted, at + hold
    if command('ZADD', key, -used, 'used', till, token .. ':' .. format('%.0f', granted)) == 0 then
      used = seen.used -- the same request once more: a client may send again what got no reply
      command('ZADD', key, -used, 'used')
    end
    seen.available, seen.full = limit - used, most(seen.full, till + a)
    command('PEXPIRE', key, ttl(seen.full))
    return hold
  end,

  refund = function(key, a, b, mark, token, charged)
    local entry = token .. ':' .. format('%.0f', charged)
    local since = command('ZSCORE', key, entry)
    if not since or tonumber(since) <= now - a then return false, 0 end
    command('ZREM', key, entry)
    if command('ZINCRBY', key, charged, 'used') == '0' then command('DEL', key) end
    return true, 0
  end,
}
