-- Fences: numbers that rise with each holder of a name.
-- needs clock.lua, numbers.lua, last-fence.lua

-- Stores a fence for FENCE_TTL. The next fence derives from the server's clock, so a fence that is
-- ahead of the clock is stored for that much longer.
local function storeFence(key, fence)
  local ttl = FENCE_TTL
  local ahead = tonumber(fence) - microseconds()
  if ahead > 0 then ttl = integer(ttl + math.ceil(ahead / 1000)) end
  command('SET', key, fence, 'PX', ttl)
end

-- Stores and returns the next fence. It is higher than the last one. If Redis has forgotten the
-- last one, it is still higher than all earlier fences as long as the clock was not set back.
local function nextFence(key, last)
  local fence = microsecondsText()
  if not last or isPast(last) then
    command('SET', key, fence, 'PX', FENCE_TTL)
    return fence
  end
  fence = integer(math.max(parseFence(last) + 1, microseconds()))
  storeFence(key, fence)
  return fence
end
