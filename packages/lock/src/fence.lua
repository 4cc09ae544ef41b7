-- Remembers a fence for a while, and for as long as the server's clock, which the next one is made of, is behind it.
local function rememberFence(key, fence)
  command('SET', key, fence, 'PX', whole(FENCE_MEMORY + math.max(0, math.ceil(fence / 1000) - milliseconds())))
end

-- A number above the last one, and above all that were handed out before where the memory of them is gone.
local function nextFence(key, last)
  local fence = whole(math.max(tonumber(last or 0) + 1, microseconds()))
  rememberFence(key, fence)
  return fence
end
