-- concurrency: a sorted set with the tokens of those that hold a slot, by the µs at which it ends.
-- A request takes one, whatever its cost.
-- Beside it 'key:released', in the same Cluster slot: the tokens that were released (release.lua), by
-- the µs until which that is remembered.
-- a: the ttl, µs

kinds.slots = {
  look = function(key, limit, a, b, min, hold, token, max)
    local after = '(' .. format('%.0f', now)
    local taken = command('ZCOUNT', key, after, '+inf')
    local seen = { available = limit - taken, full = 0, ready = 0, spendable = taken < limit and math.huge or 0 }
    if not peeking and (command('ZSCORE', key, token) or command('ZSCORE', key .. ':released', token)) then seen.granted = max end
    if taken > 0 then
      local newest = tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
      if newest > now + a + 1000000 then
        useNoMemory(key)
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
    command('ZREMRANGEBYSCORE', key, '-inf', now)
    command('ZADD', key, now + a, token)
    seen.available, seen.full = seen.available - 1, most(seen.full, a)
    command('PEXPIRE', key, ttl(now + seen.full))
    return hold
  end,

  refund = function() return false, 0 end, -- a slot is released, not refunded
}
