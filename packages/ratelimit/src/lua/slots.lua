-- concurrency: a sorted set with a member 'token:ttl' for each slot that is held, by the µs at
-- which it ends. A request takes one, whatever its cost. The ttl, in µs, is the slot's own:
-- processes may differ in it while one is deployed with another. Released slots and denied attempts
-- are remembered beside it (remembered.lua).
-- a: the ttl, µs

local DENIED = 10000000 -- µs for which a denied attempt is remembered

local function slot(token, a) return token .. ':' .. format('%.0f', a) end

-- Where the clock was set back, each slot is held for its own ttl from now, unless it is renewed.
local function endEarlier(key, a)
  useNoMemory(key)
  local late = command('ZRANGEBYSCORE', key, '(' .. format('%.0f', now + a), '+inf', 'WITHSCORES')
  for j = 1, #late, 2 do
    local own = tonumber(match(late[j], ':(%d+)$') or a)
    if not areSane(own) then own = a end
    if tonumber(late[j + 1]) > now + own + 1000000 then command('ZADD', key, now + own, late[j]) end
  end
end

kinds.slots = {
  look = function(key, limit, a, b, min, hold, token, max)
    local after = '(' .. format('%.0f', now)
    local taken = command('ZCOUNT', key, after, '+inf')
    local seen = { available = limit - taken, full = 0, ready = 0, spendable = taken < limit and math.huge or 0 }
    if not peeking then
      if command('ZSCORE', key, slot(token, a)) or remembered(key, token) then seen.granted = max
      elseif remembered(key, token .. ':denied') then seen.denied, seen.ready = true, 1 end
    end
    if taken > 0 then
      local function newest() return tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2]) end
      if newest() > now + a + 1000000 then endEarlier(key, a) end
      seen.full = newest() - now
    end
    if taken >= limit then seen.ready = command('ZRANGEBYSCORE', key, after, '+inf', 'WITHSCORES', 'LIMIT', taken - limit, 1)[2] - now end
    return seen
  end,

  charge = function(key, limit, a, b, granted, wait, hold, token, seen)
    command('ZREMRANGEBYSCORE', key, '-inf', now)
    command('ZADD', key, now + a, slot(token, a))
    seen.available, seen.full = seen.available - 1, most(seen.full, a)
    command('PEXPIRE', key, ttl(now + seen.full))
    return hold
  end,

  deny = function(key, token) remember(key, token .. ':denied', DENIED) end,

  refund = function() return false, 0 end, -- a slot is released, not refunded
}
