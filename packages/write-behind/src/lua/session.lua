-- Shared by the scripts that use a writer's session; put before them.
-- A session remembers what a writer's attempts came to, by their number. All below `floor` are
-- over: nobody waits for them any more. An attempt above it that was abandoned has come to 'over'.
-- What is over is refused if it arrives after all.
-- needs foreign-values.lua of core
-- Source: RIFL, "Implementing Linearizability at Large Scale and Low Latency" (SOSP '15)

-- What the attempt came to before, 'over', or 'closed' where there is no such session; nothing, if
-- it is still to be done.
local function outcome_of(session, attempt)
  local known = redis.call('HMGET', session, 'floor', attempt)
  local floor = wholeNumber(known[1])
  if not floor then return 'closed' end
  return known[2] or (tonumber(attempt) < floor and 'over' or nil)
end

-- Forgets what attempts came to that the floor has passed.
local function forget_attempts(session, from, to)
  if to - from > 10000 then -- rather by what is there
    local over = {}
    for _, attempt in ipairs(redis.call('HKEYS', session)) do
      if (tonumber(attempt) or to) < to then over[#over + 1] = attempt end
    end
    for _, attempt in ipairs(over) do redis.call('HDEL', session, attempt) end
    return
  end
  for first = from, to - 1, 1000 do
    local over = {}
    for attempt = first, math.min(first + 999, to - 1) do over[#over + 1] = string.format('%.0f', attempt) end
    redis.call('HDEL', session, unpack(over))
  end
end

-- `abandoned`: attempts that are over though the floor has not passed them, with blanks between
-- them.
local function end_attempts(session, floor, abandoned)
  local from, to = wholeNumber(redis.call('HGET', session, 'floor')), tonumber(floor)
  -- no attempt is empty; a full server refuses HSET only in a script that has not written yet
  redis.call('HDEL', session, '')
  if to > from then
    forget_attempts(session, from, to)
    redis.call('HSET', session, 'floor', floor)
  end
  for attempt in abandoned:gmatch('%d+') do
    if tonumber(attempt) >= math.max(from, to) then
      redis.call('HSETNX', session, attempt, 'over')
    end
  end
end

-- Remembers what an attempt came to, until it is over or the session's ttl has passed. Returns
-- that.
local function note_outcome(session, attempt, floor, abandoned, ttl, outcome)
  end_attempts(session, floor, abandoned)
  redis.call('HSET', session, attempt, outcome)
  redis.call('PEXPIRE', session, ttl)
  return outcome
end
