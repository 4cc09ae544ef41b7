-- Fences: numbers that rise with each holder of a name.
-- needs clock.lua

-- Stores a fence for FENCE_TTL. The next fence derives from the server's clock, so a fence that is
-- ahead of the clock is stored for that much longer.
local function storeFence(key, fence)
  local ttl = FENCE_TTL
  local ahead = tonumber(fence) - microseconds()
  if ahead > 0 then ttl = integer(ttl + math.ceil(ahead / 1000)) end
  command('SET', key, fence, 'PX', ttl)
end

-- Parses the value of a fence key. Returns 0 if the key is missing, or if the value cannot come
-- from a clock (it is not a number, or lies beyond the year 2255).
local function parseFence(text)
  local fence = tonumber(text or nil)
  return fence and fence >= 0 and fence < 9e15 and fence or 0
end

-- Stores and returns the next fence. It is higher than the last one. If Redis has forgotten the
-- last one, it is still higher than all earlier fences as long as the clock was not set back.
local function nextFence(key, last)
  local lowest = parseFence(last) + 1
  if lowest <= microseconds() then
    command('SET', key, microsecondsText(), 'PX', FENCE_TTL)
    return microsecondsText()
  end
  local fence = integer(lowest)
  storeFence(key, fence)
  return fence
end
