-- Functions for the scripts that use the session of a writer.
-- needs foreign-values.lua of core
-- A session is a hash that remembers the outcome of each attempt by its number. All attempts below
-- its field `floor` have ended: their writer no longer waits for them. An abandoned attempt above
-- the floor has the outcome 'over'. An attempt that has ended is refused if it arrives after all.
-- Source: RIFL, "Implementing Linearizability at Large Scale and Low Latency" (SOSP '15)

-- Returns the recorded outcome of an attempt, 'over' if it has ended, 'closed' if there is no such
-- session, or nil if the attempt has not been executed yet. Also returns the floor.
local function outcome_of(session, attempt)
  local values = redis.call('HMGET', session, 'floor', attempt)
  local floor, outcome = wholeNumber(values[1]), values[2]
  if not floor then return 'closed' end
  return outcome or (tonumber(attempt) < floor and 'over' or nil), floor
end

-- Deletes the outcomes of the attempts from `from` up to, but not including, `to`.
local function forget_attempts(session, from, to)
  if to - from > 10000 then -- cheaper to look at the fields that exist
    local ended = {}
    for _, attempt in ipairs(redis.call('HKEYS', session)) do
      if (tonumber(attempt) or to) < to then ended[#ended + 1] = attempt end
    end
    for _, attempt in ipairs(ended) do redis.call('HDEL', session, attempt) end
    return
  end
  for first = from, to - 1, 1000 do
    local ended = {}
    for attempt = first, math.min(first + 999, to - 1) do
      ended[#ended + 1] = string.format('%.0f', attempt)
    end
    redis.call('HDEL', session, unpack(ended))
  end
end

-- Ends all attempts below `floor`, and the `abandoned` attempts above it, which are separated by
-- spaces. `from` is the floor so far. Further fields and values are set with the floor.
local function end_attempts(session, from, floor, abandoned, ...)
  local to = math.max(from, tonumber(floor))
  -- HDEL comes first (no attempt is named ''): a full server refuses HSET only in a script that has
  -- not written yet.
  if to - from == 1 then
    redis.call('HDEL', session, '', string.format('%.0f', from))
  else
    redis.call('HDEL', session, '')
    forget_attempts(session, from, to)
  end
  redis.call('HSET', session, 'floor', string.format('%.0f', to), ...)
  for attempt in abandoned:gmatch('%d+') do
    if tonumber(attempt) >= to then redis.call('HSETNX', session, attempt, 'over') end
  end
end

-- Records the outcome of an attempt until the attempt has ended or the session has expired. Returns
-- the outcome.
local function record_outcome(session, from, attempt, floor, abandoned, ttl, outcome)
  end_attempts(session, from, floor, abandoned, attempt, outcome)
  redis.call('PEXPIRE', session, ttl)
  return outcome
end
