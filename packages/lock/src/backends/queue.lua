-- A queue of waiters: a sorted set of their tokens by ticket, and a hash of the ms until which each
-- is taken to be alive.

-- The first waiter that is alive, and the ms it is taken to be so; dead ones before it are dropped,
-- each once for all. One that seems to be so for longer than a place is kept had its place before
-- the server's clock was set back.
local function head(queue, alive)
  while true do
    local token = command('ZRANGE', queue, 0, 0)[1]
    if not token then return nil, 0 end
    local left = (tonumber(command('HGET', alive, token) or 0) or 0) - milliseconds()
    if left > PLACE_TTL then
      left = PLACE_TTL
      command('HSET', alive, token, whole(milliseconds() + left))
    end
    if left > 0 then return token, left end
    command('ZREM', queue, token)
    command('HDEL', alive, token)
  end
end

-- Keeps the waiter's place, or gives it one: that of its ticket if it has one, else behind all
-- others. Returns its ticket.
local function keepPlace(queue, alive, token, ticket)
  local kept = tonumber(command('ZSCORE', queue, token) or nil)
  if ticket == 0 and not kept then
    local last = command('ZRANGE', queue, -1, -1, 'WITHSCORES')[2]
    ticket = math.max(microseconds(), last and last + 1 or 0)
  elseif ticket == 0 or (kept and kept < ticket) then
    ticket = kept
  end
  if ticket ~= kept then command('ZADD', queue, whole(ticket), token) end
  command('HSET', alive, token, whole(milliseconds() + PLACE_TTL))
  command('PEXPIRE', queue, PLACE_TTL)
  command('PEXPIRE', alive, PLACE_TTL)
  return ticket
end

local function leaveQueue(queue, alive, token)
  command('HDEL', alive, token)
  command('ZREM', queue, token)
end

-- Tells a waiter's process that it is its turn. Who may not publish leaves it to the waiter's poll.
local function wake(channel, token)
  local process = string.match(token, '([^:/]*)/')
  if process then redis.pcall('PUBLISH', channel .. process, token) end
end
