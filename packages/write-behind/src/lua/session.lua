-- Shared by the scripts that use a writer's session; put before them.
-- A session remembers which of a writer's attempts were executed: by their number, their sequence; all below `floor` are over, and
-- nobody waits for them any more.
-- Source: RIFL, "Implementing Linearizability at Large Scale and Low Latency" (SOSP '15)

-- The lowest attempt that is not over; nil where that is not known.
local function floor_of(text)
  return text and #text < 17 and text:match('^%d+$') and tonumber(text) or nil
end

local function raise_floor(session, from, to)
  if to <= from then return end
  if to - from > 10000 then -- rather by what is there
    local over = {}
    for _, attempt in ipairs(redis.call('HKEYS', session)) do
      if (tonumber(attempt) or to) < to then over[#over + 1] = attempt end
    end
    for _, attempt in ipairs(over) do redis.call('HDEL', session, attempt) end
    from = to
  end
  for first = from, to - 1, 1000 do
    local over = {}
    for attempt = first, math.min(first + 999, to - 1) do over[#over + 1] = string.format('%.0f', attempt) end
    redis.call('HDEL', session, unpack(over))
  end
  redis.call('HSET', session, 'floor', string.format('%.0f', to))
end
