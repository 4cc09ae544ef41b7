-- Decides on one request against all limits of a limiter, and charges all of them or none.
-- KEYS[i] the state of limit i; which one depends on its kind (policies.ts):
--   log      sorted set: one member 'token:cost' for each request, by its µs; and 'used', minus the sum of the costs
--   fixed    'start used'                   µs at which the window began, and what was taken in it
--   counter  'start used before'            the same, and what was taken in the window before
--   bucket   'full fraction born latest given'  µs at which the bucket is full again and a fraction of b units, µs at which this
--                                           state began, the latest µs for which anything was charged, µs given back by refunds
--   slots    sorted set: the tokens of who holds a slot, by the µs at which it ends
-- ARGV[1] token: names the request  ARGV[2] min  ARGV[3] max: as much as there is, but at least min
-- ARGV[4] µs for which what is granted may be spent later  ARGV[5] µs for which the request may wait for its turn
-- then for each limit: kind  limit  a  b
--   log, fixed, counter: a window, µs    slots: a ttl, µs    bucket: a units of a token, b units that come back in a µs
-- peeking (a local before this text): nothing is charged or written
-- returns {now, granted, µs to wait, µs for which it may be spent, and of each limit: available, µs until all is available, µs until min is, mark}
--   mark: what refund.lua needs to know
-- cost: O(log n) in the requests of a log's window, and O(1) for each that has left it; a denial of cost c looks at c of them at most

local token, min, max, hold, patience = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local available, grants, spare, full, ready, mark = {}, {}, {}, {}, {}, {}
local s, t, u, v = {}, {}, {}, {}

-- math.fmod is exact on integers below 2^53; Lua's own % and / are not.
local function div(a, b) return (a - math.fmod(a, b)) / b end

for i = 1, #KEYS do
  local key, at = KEYS[i], 4 * i + 2
  local kind, limit, a, b = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  full[i], ready[i], mark[i] = now, now, 0

  if kind == 'log' then
    local used, gone = -(redis.call('ZSCORE', key, 'used') or 0), {}
    if used > 0 then
      gone = redis.call('ZRANGEBYSCORE', key, 1, now - a)
      for j = 1, #gone do used = used - string.match(gone[j], '%d+$') end
      if #gone > 0 and not peeking then
        redis.call('ZREMRANGEBYSCORE', key, 1, now - a)
        if used > 0 then redis.call('ZADD', key, -used, 'used') else redis.call('DEL', key) end
        gone = {}
      end
    end
    available[i] = limit - used
    if used > 0 then
      full[i] = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] + a
      local missing = min - available[i]
      if missing > 0 then
        local oldest = redis.call('ZRANGE', key, 1 + #gone, missing + #gone, 'WITHSCORES')
        for j = 1, #oldest, 2 do
          missing = missing - string.match(oldest[j], '%d+$')
          ready[i] = oldest[j + 1] + a
          if missing <= 0 then break end
        end
      end
    end
    s[i] = used

  elseif kind == 'fixed' then
    local start, used = string.match(redis.call('GET', key) or '', '^(%d+) (%d+)$')
    start, used = tonumber(start), tonumber(used)
    if not start or now >= start + a then start, used = nil, 0 end
    available[i] = limit - used
    if start then
      full[i] = used > 0 and start + a or math.max(now, start)
      if available[i] < min then ready[i] = start + a elseif now < start then ready[i] = start end
      if now < start then available[i] = 0 end
    end
    s[i], t[i] = start, used

  elseif kind == 'counter' then
    local start, used, before = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+)$')
    start, used, before = tonumber(start), tonumber(used), tonumber(before)
    if start and now >= start + a then start, used, before = start + a, 0, used end
    -- After a window in which nothing was taken, the next one begins with the next request.
    local fresh = not start or now >= start + a or used + before == 0 and now >= start
    if fresh then start, used, before = now, 0, 0 end
    -- What the window before still weighs falls with each whole ms of this one.
    local ms = a / 1000
    local passed = math.max(0, div(now - math.min(start, now), 1000))
    local free = (limit - used) * ms - before * (ms - passed)
    available[i] = free > 0 and div(free, ms) or 0
    if used > 0 then full[i] = start + 2 * a elseif before > 0 then full[i] = start + a end
    if available[i] < min then
      local room = limit - used - min
      if room >= 0 then ready[i] = start + 1000 * (ms - math.min(ms, div(room * ms, before)))
      else ready[i] = start + a + 1000 * (ms - math.min(ms, div((limit - min) * ms, used))) end
    end
    if now < start then
      available[i] = 0
      ready[i], full[i] = math.max(ready[i], start), math.max(full[i], start)
    end
    s[i], t[i], u[i] = not fresh and start, used, before

  elseif kind == 'bucket' then
    local whole, fraction, born, latest, given = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
    local owed = whole and math.max(0, (whole - now) * b + math.min(fraction, b - 1)) or 0
    available[i] = owed < limit * a and div(limit * a - owed, a) or 0
    full[i] = now + div(owed + b - 1, b)
    local over = owed - (limit - min) * a
    if over > 0 then ready[i] = now + div(over + b - 1, b) end
    s[i], t[i], u[i], v[i] = owed, tonumber(born) or now, tonumber(latest) or now, tonumber(given) or 0
    if hold > 0 then
      local taken = math.max(owed, hold * b)
      grants[i] = taken < limit * a and div(limit * a - taken, a) or 0
    end

  else -- slots
    local after = '(' .. string.format('%.0f', now)
    local taken = redis.call('ZCOUNT', key, after, '+inf')
    available[i], spare[i] = limit - taken, max
    if taken > 0 then full[i] = tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]) end
    if taken >= limit then
      spare[i] = 0
      ready[i] = tonumber(redis.call('ZRANGEBYSCORE', key, after, '+inf', 'WITHSCORES', 'LIMIT', taken - limit, 1)[2])
    end
  end

  available[i] = math.max(0, available[i])
  spare[i] = spare[i] or available[i]
  grants[i] = grants[i] or spare[i]
end

local granted, bare, at = max, max, now
for i = 1, #KEYS do
  granted, bare = math.min(granted, grants[i]), math.min(bare, spare[i])
end
if granted < min then
  -- Not enough of what may be spent later: what was asked for, to be spent at once.
  granted = bare >= min and min or 0
  hold = 0
end
if granted == 0 and patience > 0 then
  for i = 1, #KEYS do at = math.max(at, ready[i]) end
  if at - now <= patience then granted = min else at = now end
end

if granted > 0 and not peeking then
  for i = 1, #KEYS do
    local key, place = KEYS[i], 4 * i + 2
    local kind, limit, a, b = ARGV[place], tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2]), tonumber(ARGV[place + 3])
    local state

    if kind == 'log' then
      local used = s[i] + granted
      if redis.call('ZADD', key, -used, 'used', at + hold, token .. ':' .. string.format('%.0f', granted)) == 0 then
        used = s[i] -- the same request once more: a client may send again what got no reply
        redis.call('ZADD', key, -used, 'used')
      end
      full[i] = math.max(full[i], at + hold + a)
      available[i] = limit - used
      redis.call('PEXPIRE', key, div(full[i] - now, 1000) + 1000)

    elseif kind == 'fixed' then
      local start, used = s[i], t[i]
      if not start or at >= start + a then start, used = at, 0 end
      used = used + granted
      hold = math.min(hold, start + a - at)
      full[i], available[i], mark[i] = start + a, limit - used, start
      state = string.format('%.0f %.0f', start, used)

    elseif kind == 'counter' then
      local start, used, before = s[i], t[i], u[i]
      if start and at >= start + a then start, used, before = start + a, 0, used end
      if not start or at >= start + a or used + before == 0 then start, used, before = at, 0, 0 end
      used = used + granted
      hold = math.min(hold, start + a - at)
      local ms = a / 1000
      local free = (limit - used) * ms - before * (ms - div(math.max(at, start) - start, 1000))
      full[i], available[i], mark[i] = start + 2 * a, free > 0 and div(free, ms) or 0, start
      state = string.format('%.0f %.0f %.0f', start, used, before)

    elseif kind == 'bucket' then
      local later = at - now + hold
      local owed = math.max(0, s[i] - later * b) + granted * a
      local fraction = math.fmod(owed, b)
      local whole = now + later + (owed - fraction) / b
      owed = owed + later * b
      full[i], available[i], mark[i] = now + div(owed + b - 1, b), owed < limit * a and div(limit * a - owed, a) or 0, whole + v[i]
      state = string.format('%.0f %.0f %.0f %.0f %.0f', whole, fraction, t[i], math.max(u[i], now + later), v[i])

    else -- slots
      redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
      redis.call('ZADD', key, now + a, token)
      full[i] = math.max(full[i], now + a)
      available[i] = available[i] - 1
      redis.call('PEXPIRE', key, div(full[i] - now, 1000) + 1000)
    end

    -- A second more than needed: the state says what counts, not its expiry.
    if state then redis.call('SET', key, state, 'PX', div(full[i] - now, 1000) + 1000) end
    if at > now then available[i] = 0 end
  end
end

local reply = { now, granted, at - now, hold }
for i = 1, #KEYS do
  local place = #reply
  reply[place + 1], reply[place + 2], reply[place + 3], reply[place + 4] = math.max(0, available[i]), full[i] - now, granted > 0 and 0 or ready[i] - now, mark[i]
end
return reply
