-- Held by several at a time: a sorted set of tokens by the ms at which each ends. A token that begins with `x` shares with nobody.

-- Whether the waiter may join those that hold now.
local function fits(holders, token, permits)
  if string.sub(token, 1, 1) == 'x' then return command('ZCARD', holders) == 0 end
  local any = command('ZRANGE', holders, 0, 0)[1]
  return not any or (string.sub(any, 1, 1) ~= 'x' and command('ZCARD', holders) < permits)
end

local function dropExpired(holders, now)
  command('ZREMRANGEBYSCORE', holders, '-inf', whole(now))
end

-- For ttl at least: it never shortens its life, so that a late repetition does no harm.
local function hold(holders, token, now, ttl)
  local ends = math.max(now + ttl, tonumber(command('ZSCORE', holders, token) or 0))
  command('ZADD', holders, whole(ends), token)
  if command('PTTL', holders) < ttl then command('PEXPIRE', holders, ttl) end
end
