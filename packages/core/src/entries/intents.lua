-- Shared by the scripts that look at writers under way; put before them.
-- An intent is a member of the sorted set `intents`: the writer's token, with its deadline in ms of the server's clock.
-- The member `conflict` (no deadline) is there while writers overlapped, or an invalidation came between one's begin and commit.

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Drops the intents past their deadline, and `conflict` with the last of them. Returns how many writers are left.
local function writers(intents)
  if redis.call('EXISTS', intents) == 0 then return 0 end
  redis.call('ZREMRANGEBYSCORE', intents, '-inf', '(' .. now())
  local left = redis.call('ZCARD', intents)
  if left > 0 and redis.call('ZSCORE', intents, 'conflict') then left = left - 1 end
  if left == 0 then redis.call('DEL', intents) end
  return left
end

local function markConflict(intents)
  redis.call('ZADD', intents, '+inf', 'conflict')
end
