-- The latest attempts of a window that is counted, so that each is charged once.
-- cost: O(1)
-- needs common.lua, kinds.lua, own-time.lua

-- The attempts are what a text contains from an index on: long texts are copied once only. Each is
-- written as ',name=granted+wait'.

-- Returns the index from which on the attempts are kept if another one is appended. The oldest ones
-- are dropped.
local function latestAttempts(text, from)
  return #text - from >= 320 and find(text, ',', -240, true) or from
end

-- Finds an attempt that has run before: `state.name` is its text up to the '='. A '/' stands
-- between the attempts of two windows. `start` is the start of the current window; `older` has the
-- starts of the windows before it, each written as '|start…', the latest first.
-- If the attempt has run, it sets what the attempt was granted (granted), how long it was told to
-- wait (wait), and the start of the window that it was charged to (mark).
local function findAttempt(state, text, from, start, older)
  local name = state.name
  from = find(text, name, from, true)
  if not from then
    return
  end
  local granted, wait = match(text, '^(%d+)%+(%d+)', from + #name)
  local _, windowsBack = string.gsub(sub(text, from), '/', '')
  for olderStart in string.gmatch(older, '|(%d+)') do
    if windowsBack == 0 then
      break
    end
    start = tonumber(olderStart)
    windowsBack = windowsBack - 1
  end
  state.granted = tonumber(granted) or false
  state.wait = tonumber(wait) or false
  state.mark = windowsBack == 0 and start or false
end

-- Makes the attempts of the latest two windows those of one window.
local function mergeAttempts(attempts)
  local before, after = match(attempts, '^(.*)/(.*)$')
  return before and before .. after or attempts
end
