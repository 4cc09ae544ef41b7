-- concurrency: a sorted set with the tokens of who holds a slot, by the µs at which it ends. A request takes one, whatever its cost.
-- a: the ttl, µs

kinds.slots = {
  look = function(key, limit, a, b, min)
    local after = '(' .. format('%.0f', now)
    local taken = command('ZCOUNT', key, after, '+inf')
    local seen = { available = limit - taken, full = now, ready = now, spendable = taken < limit and math.huge or 0 }
    if taken > 0 then seen.full = tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2]) end
    if taken >= limit then seen.ready = tonumber(command('ZRANGEBYSCORE', key, after, '+inf', 'WITHSCORES', 'LIMIT', taken - limit, 1)[2]) end
    return seen
  end,

  charge = function(key, limit, a, b, granted, at, hold, token, seen)
    command('ZREMRANGEBYSCORE', key, '-inf', now)
    command('ZADD', key, now + a, token)
    seen.available, seen.full = seen.available - 1, most(seen.full, now + a)
    command('PEXPIRE', key, ttl(seen.full))
    return hold
  end,

  refund = function() return false, 0 end, -- a slot is released, not refunded
}
