-- Remembers the attempts that take no slot any more, although they may arrive late or once more:
-- the token of each released slot, and 'token:denied' of each denied attempt.
-- State: a sorted set whose scores are the times until which they are remembered. Its key is that
-- of the slots with ':released' at the end, in the same Cluster slot. It is not among KEYS: while a
-- Cluster slot moves, Redis refuses a call with two keys of which only one has moved (TRYAGAIN). If
-- Redis refuses to remember an attempt here, it is not remembered; no decision changes because of
-- it.
-- cost: O(log n) in the attempts that are remembered
-- needs common.lua

local function hasEnded(key, name)
  return type(redis.pcall('ZSCORE', key .. ':released', name)) == 'string'
end

local function rememberEnded(key, name, duration)
  local endedKey = key .. ':released'
  if type(redis.pcall('ZADD', endedKey, 'GT', now + duration, name)) == 'table' then
    return
  end
  command('ZREMRANGEBYSCORE', endedKey, '-inf', now)
  command('PEXPIRE', endedKey, max(command('PTTL', endedKey), ttlUntil(now + duration)))
end
