-- The server's clock, asked once for all calls of a script.
local command, format = redis.call, string.format
local asked

local function microseconds()
  if not asked then
    local time = command('TIME')
    asked = time[1] * 1000000 + time[2]
  end
  return asked
end

local function milliseconds() return math.floor(microseconds() / 1000) end

local function whole(number) return format('%.0f', number) end

-- A queue of waiters: a sorted set of their tokens by ticket, and a hash of the ms until which each is taken to be alive.

-- The first waiter that is alive, and the ms it is taken to be so; dead ones before it are dropped, each once for all.
local function head(queue, alive)
  while true do
    local token = command('ZRANGE', queue, 0, 0)[1]
    if not token then return nil, 0 end
    local left = tonumber(command('HGET', alive, token) or 0) - milliseconds()
    if left > 0 then return token, left end
    command('ZREM', queue, token)
    command('HDEL', alive, token)
  end
end

-- Keeps the waiter's place, or gives it one: its old one if it has a ticket, else behind all others. Returns its ticket.
local function keepPlace(queue, alive, token, ticket, ttl)
  if command('ZSCORE', queue, token) == false then
    if ticket == 0 then
      local last = command('ZRANGE', queue, -1, -1, 'WITHSCORES')[2]
      ticket = math.max(microseconds(), last and last + 1 or 0)
    end
    command('ZADD', queue, whole(ticket), token)
  else
    ticket = tonumber(command('ZSCORE', queue, token))
  end
  command('HSET', alive, token, whole(milliseconds() + ttl))
  command('PEXPIRE', queue, ttl)
  command('PEXPIRE', alive, ttl)
  return ticket
end

local function leaveQueue(queue, alive, token)
  command('HDEL', alive, token)
  return command('ZREM', queue, token) == 1
end

-- Tells a waiter's process that it is its turn. Who may not publish leaves it to the waiter's poll.
local function wake(channel, token)
  redis.pcall('PUBLISH', channel .. string.match(token, '([^:/]*)/'), token)
end

-- A number above all that were handed out before, also where the memory of them is gone.
local function nextFence(key, memory)
  local fence = whole(math.max(tonumber(command('GET', key) or 0) + 1, microseconds()))
  command('SET', key, fence, 'PX', memory)
  return fence
end
