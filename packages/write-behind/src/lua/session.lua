-- Shared by the scripts that use a writer's session; put before them.
-- A session remembers which of a writer's attempts were executed: by their number, their sequence; all below `floor` are over, and
-- nobody waits for them any more.
-- Source: RIFL, "Implementing Linearizability at Large Scale and Low Latency" (SOSP '15)

local function raise_floor(session, from, to)
  if to <= from then return end
  for first = from, to - 1, 1000 do
    local over = {}
    for attempt = first, math.min(first + 999, to - 1) do over[#over + 1] = string.format('%.0f', attempt) end
    redis.call('HDEL', session, unpack(over))
  end
  redis.call('HSET', session, 'floor', string.format('%.0f', to))
end
