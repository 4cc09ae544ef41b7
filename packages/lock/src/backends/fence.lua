-- Remembers a fence for a while, and for as long as the server's clock, which the next one is made
-- of, is behind it.
local function rememberFence(key, fence)
  command('SET', key, fence, 'PX', whole(FENCE_MEMORY + math.max(0, math.ceil(fence / 1000) - milliseconds())))
end

-- A fence as it stands at its key; 0 where there is none, or something that no clock has given
-- (beyond the year 2255).
local function fenceOf(text)
  local fence = text and #text < 17 and string.match(text, '^%d+$') and tonumber(text)
  return fence and fence < 9e15 and fence or 0
end

-- A number above the last one, and above all that were handed out before where the memory of them
-- is gone.
local function nextFence(key, last)
  local fence = whole(math.max(fenceOf(last) + 1, microseconds()))
  rememberFence(key, fence)
  return fence
end
