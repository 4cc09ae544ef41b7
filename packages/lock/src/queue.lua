-- A queue of waiters: a sorted set of their tokens by ticket, and a hash of the ms until which each is taken to be alive.

local function milliseconds(time)
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The first waiter that is alive, and the ms it is taken to be so; dead ones before it are dropped, each once for all.
local function head(queue, alive, now)
  while true do
    local token = redis.call('ZRANGE', queue, 0, 0)[1]
    if not token then return nil, 0 end
    local left = tonumber(redis.call('HGET', alive, token) or 0) - now
    if left > 0 then return token, left end
    redis.call('ZREM', queue, token)
    redis.call('HDEL', alive, token)
  end
end

-- Keeps the waiter's place, or gives it one: its old one if it has a ticket, else behind all others. Returns its ticket.
local function keepPlace(queue, alive, token, ticket, now, time, ttl)
  if redis.call('ZSCORE', queue, token) == false then
    if ticket == 0 then
      local last = redis.call('ZRANGE', queue, -1, -1, 'WITHSCORES')[2]
      ticket = math.max(time[1] * 1000000 + time[2], last and last + 1 or 0)
    end
    redis.call('ZADD', queue, string.format('%.0f', ticket), token)
  else
    ticket = tonumber(redis.call('ZSCORE', queue, token))
  end
  redis.call('HSET', alive, token, string.format('%.0f', now + ttl))
  redis.call('PEXPIRE', queue, ttl)
  redis.call('PEXPIRE', alive, ttl)
  return ticket
end

local function leaveQueue(queue, alive, token)
  redis.call('HDEL', alive, token)
  return redis.call('ZREM', queue, token) == 1
end

-- Tells a waiter's process that it is its turn. Who may not publish leaves it to the waiter's poll.
local function wake(channel, token)
  redis.pcall('PUBLISH', channel .. string.match(token, '([^:/]*)/'), token)
end

-- A number above all that were handed out before, also where the memory of them is gone.
local function nextFence(key, time, memory)
  local fence = string.format('%.0f', math.max(tonumber(redis.call('GET', key) or 0) + 1, time[1] * 1000000 + time[2]))
  redis.call('SET', key, fence, 'PX', memory)
  return fence
end
