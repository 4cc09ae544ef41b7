-- Held by several at a time: a sorted set of tokens by the ms at which each ends, and a hash of
-- `fence step ttl` of each: `step` is the number of the holder's last step that changed it, `ttl`
-- the longest in ms that it can have left. A token that begins with `x` shares with nobody.

-- Whether the waiter may join those that hold now.
local function fits(holders, token, permits)
  if string.sub(token, 1, 1) == 'x' then return command('ZCARD', holders) == 0 end
  local any = command('ZRANGE', holders, 0, 0)[1]
  return not any or (string.sub(any, 1, 1) ~= 'x' and command('ZCARD', holders) < permits)
end

local function drop(holders, details, token)
  command('HDEL', details, token)
  return command('ZREM', holders, token) == 1
end

local function dropExpired(holders, details)
  for _, token in ipairs(command('ZRANGEBYSCORE', holders, '-inf', whole(milliseconds()))) do drop(holders, details, token) end
end

-- The details come first: where they are of another type, nothing has been granted yet.
local function note(holders, details, token, ends, fence, step, ttl)
  command('HSET', details, token, table.concat({fence, step, whole(ttl)}, ' '))
  command('ZADD', holders, whole(ends), token)
  local left = command('PTTL', holders)
  if left < ttl then command('PEXPIRE', holders, ttl) end
  command('PEXPIRE', details, math.max(left, ttl))
end

local function hold(holders, details, token, fence, step, ttl)
  note(holders, details, token, milliseconds() + ttl, fence, step, ttl)
end

local function detailsOf(details, token)
  local fence, step, ttl = string.match(command('HGET', details, token) or '', '^(%d+) (%d+) (%d+)$')
  if not fence or #fence > 16 or #step > 16 or #ttl > 16 then return '0', '0', '0' end
  return fence, step, ttl
end

-- Lets a permit live for ttl at least. A step that comes twice, or behind a later one, changes
-- nothing. Returns the ms it has left, and its fence; nil if it has ended. Where it has more left
-- than its longest ttl, the server's clock was set back, and its ttl starts anew.
local function prolong(holders, details, token, step, ttl)
  local now = milliseconds()
  local ends = tonumber(command('ZSCORE', holders, token) or 0)
  if ends <= now then return nil end
  local fence, last, known = detailsOf(details, token)
  local longest = tonumber(known)
  if longest > 0 then ends = math.min(ends, now + longest) end
  if tonumber(step) > tonumber(last) then
    -- first, as it needs no memory: after it a server that is full takes the rest as well
    command('HDEL', details, token)
    if now + ttl > ends then ends, longest = now + ttl, ttl end
    note(holders, details, token, ends, fence, step, longest)
  end
  return ends - now, fence
end

-- Where holders have longer to live than their ttl, the server's clock was set back: their ttl
-- starts anew. It looks at those that end last, which is where they are. What is to end when no
-- clock will come was not put there by us.
local function mindClock(holders, details)
  command('ZREMRANGEBYSCORE', holders, '9e15', '+inf')
  local now, last = milliseconds(), command('ZRANGE', holders, -100, -1, 'WITHSCORES')
  for i = 1, #last, 2 do
    local _, _, ttl = detailsOf(details, last[i])
    ttl = tonumber(ttl)
    if ttl > 0 and tonumber(last[i + 1]) > now + ttl then command('ZADD', holders, whole(now + ttl), last[i]) end
  end
end
