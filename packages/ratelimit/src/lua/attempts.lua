-- The latest attempts of a window that is counted, so that each is charged once.
-- cost: O(1)
-- needs common.lua, kinds.lua, own-time.lua

-- Appends an attempt to the latest attempts of a state, each written as ',name=granted+wait'. The
-- oldest ones are dropped.
local function appendAttempt(attempts, token, granted, wait)
  if #attempts > 320 then
    attempts = sub(attempts, (find(attempts, ',', -240, true)))
  end
  return attempts .. ',' .. shortName(token) .. '=' .. textOf[granted] .. '+' .. textOf[wait]
end

-- Finds an attempt that has run before. A '/' stands between the attempts of two windows. `start`
-- is the start of the current window; `older` has the starts of the windows before it, each written
-- as '|start…', the latest first.
-- Returns what the attempt was granted, how long it was told to wait, and the start of the window
-- that it was charged to; or nothing if the attempt has not run.
local function findAttempt(attempts, token, start, older)
  local name = ',' .. shortName(token) .. '='
  local from = attempts and find(attempts, name, 1, true)
  if not from then
    return
  end
  local granted, wait = match(attempts, '^(%d+)%+(%d+)', from + #name)
  local _, windowsBack = string.gsub(sub(attempts, from), '/', '')
  for olderStart in string.gmatch(older, '|(%d+)') do
    if windowsBack == 0 then
      break
    end
    start = tonumber(olderStart)
    windowsBack = windowsBack - 1
  end
  return tonumber(granted), tonumber(wait), windowsBack == 0 and start or nil
end

-- Makes the attempts of the latest two windows those of one window.
local function mergeAttempts(attempts)
  local before, after = match(attempts, '^(.*)/(.*)$')
  return before and before .. after or attempts
end
