-- concurrency: a sorted set with the tokens of those that hold a slot, by the µs at which it ends. A request takes one, whatever its cost.
-- A token that was released (release.lua) has minus the µs until which that is remembered.
-- a: the ttl, µs

kinds.slots = {
  look = function(key, limit, a, b, min, hold, token, max)
    local after = '(' .. format('%.0f', now)
    local taken = command('ZCOUNT', key, after, '+inf')
    local seen = { available = limit - taken, full = 0, ready = 0, spendable = taken < limit and math.huge or 0 }
    if not peeking and command('ZSCORE', key, token) then seen.granted = max end
    if taken > 0 then
      local newest = tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
      if newest > now + a + 1000000 then
        -- The clock was set back: each is held for a ttl from now, unless it is renewed.
        for _, held in ipairs(command('ZRANGEBYSCORE', key, '(' .. format('%.0f', now + a), '+inf')) do command('ZADD', key, now + a, held) end
        newest = now + a
      end
      seen.full = newest - now
    end
    if taken >= limit then seen.ready = command('ZRANGEBYSCORE', key, after, '+inf', 'WITHSCORES', 'LIMIT', taken - limit, 1)[2] - now end
    return seen
  end,

  charge = function(key, limit, a, b, granted, wait, hold, token, seen)
    command('ZREMRANGEBYSCORE', key, -now, now) -- what has ended, and releases that need not be remembered any more
    command('ZADD', key, now + a, token)
    seen.available, seen.full = seen.available - 1, most(seen.full, a)
    command('PEXPIRE', key, most(command('PTTL', key), ttl(now + seen.full)))
    return hold
  end,

  refund = function() return false, 0 end, -- a slot is released, not refunded
}
