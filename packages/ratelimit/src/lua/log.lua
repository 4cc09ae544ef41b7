-- slidingWindow: a sorted set with a member 'token:cost' for each request, by its µs; and 'used', minus the sum of the costs, which is first.
-- a: the window, µs
-- cost: O(log n) in the requests of the window, and O(1) for each that has left it; a denial of cost c looks at c of them at most

local function cost(entry) return tonumber(string.match(entry, '%d+$')) end

kinds.log = {
  look = function(key, limit, a, b, min, hold, peeking)
    local first = redis.call('ZRANGE', key, 0, 1, 'WITHSCORES')
    if first[1] ~= 'used' then return { available = limit, full = now, ready = now, used = 0 } end

    local used, gone = -first[2], 0
    if tonumber(first[4]) <= now - a then
      local old = redis.call('ZRANGEBYSCORE', key, 1, now - a)
      for j = 1, #old do used = used - cost(old[j]) end
      if peeking then
        gone = #old
      else
        redis.call('ZREMRANGEBYSCORE', key, 1, now - a)
        if used > 0 then redis.call('ZADD', key, -used, 'used') else redis.call('DEL', key) end
      end
      if used == 0 then return { available = limit, full = now, ready = now, used = 0 } end
    end

    local seen = { available = limit - used, full = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] + a, ready = now, used = used }
    local missing = min - seen.available
    if missing > 0 then
      local oldest = redis.call('ZRANGE', key, 1 + gone, missing + gone, 'WITHSCORES')
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
    if redis.call('ZADD', key, -used, 'used', till, token .. ':' .. string.format('%.0f', granted)) == 0 then
      used = seen.used -- the same request once more: a client may send again what got no reply
      redis.call('ZADD', key, -used, 'used')
    end
    seen.available, seen.full = limit - used, math.max(seen.full, till + a)
    redis.call('PEXPIRE', key, ttl(seen.full))
    return hold
  end,

  refund = function(key, a, b, mark, token, charged)
    local entry = token .. ':' .. string.format('%.0f', charged)
    local since = redis.call('ZSCORE', key, entry)
    if not since or tonumber(since) <= now - a then return false, 0 end
    redis.call('ZREM', key, entry)
    if redis.call('ZINCRBY', key, charged, 'used') == '0' then redis.call('DEL', key) end
    return true, 0
  end,
}
