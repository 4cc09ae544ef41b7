-- Gives back what a request was charged, once, where it still counts.
-- KEYS[1…n] the states of the limits (decide.lua)  KEYS[n + 1] stands while a second refund of the same request would count
-- ARGV[1] token: names the request  ARGV[2] what it was charged  ARGV[3] µs at which it was
-- then for each limit: kind  limit  a  b  mark
-- returns 1 if anything was given back, else 0
-- cost: O(log n) in the requests of a log's window

local token, charged, chargedAt = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local marker, life, changed = KEYS[#KEYS], 0, 0
if redis.call('EXISTS', marker) == 1 then return 0 end

local function keep(key, state)
  redis.call('SET', key, state, 'KEEPTTL')
  changed = 1
end

for i = 1, #KEYS - 1 do
  local key, at = KEYS[i], 5 * i - 1
  local kind, a, b, mark = ARGV[at], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])

  if kind == 'log' then
    local entry = token .. ':' .. ARGV[2]
    local since = redis.call('ZSCORE', key, entry)
    if since and tonumber(since) > now - a then
      redis.call('ZREM', key, entry)
      if redis.call('ZINCRBY', key, charged, 'used') == '0' then redis.call('DEL', key) end
      changed = 1
    end

  elseif kind == 'fixed' then
    local start, used = string.match(redis.call('GET', key) or '', '^(%d+) (%d+)$')
    if tonumber(start) == mark and now < mark + a then
      keep(key, string.format('%s %.0f', start, math.max(0, used - charged)))
      life = math.max(life, mark + a - now)
    end

  elseif kind == 'counter' then
    local start, used, before = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+)$')
    if start and now < mark + 2 * a then
      if tonumber(start) == mark then used = math.max(0, used - charged)
      elseif start - mark == a then before = math.max(0, before - charged)
      else start = nil end
      if start then
        keep(key, string.format('%s %.0f %.0f', start, used, before))
        life = math.max(life, mark + 2 * a - now)
      end
    end

  elseif kind == 'bucket' then
    -- Not more than would not have come back by itself: the bucket is never fuller than if the request had not been.
    local whole, fraction, born, latest, given = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
    local open = whole and mark - given - math.max(now, latest) or 0
    if open > 0 and tonumber(born) <= chargedAt then
      local back = math.min(charged * a, open * b)
      local owed = math.max(0, (whole - now) * b + fraction - back)
      local rest = math.fmod(owed, b)
      keep(key, string.format('%.0f %.0f %s %s %.0f', now + (owed - rest) / b, rest, born, latest, given + math.ceil(back / b)))
      life = math.max(life, mark - given - now)
    end
  end
end

if life > 0 then redis.call('SET', marker, 1, 'PX', math.ceil(life / 1000) + 1000) end
return changed
