-- Functions that all scripts of this package share. They come first in every script.
-- All times are microseconds since 1970 by the clock of the server, which alone decides. It is read
-- once for all calls that a script runs.
-- cost: one TIME for each script
-- needs time.lua of core

local command = redis.call
local format = string.format
local find = string.find
local match = string.match
local sub = string.sub
local pack = struct.pack
local fmod = math.fmod
local min = math.min
local max = math.max

local now = microseconds()

-- Parses numbers and keeps them: most arguments are the same in all calls of a script.
local numberOf = setmetatable({}, { __index = function(cache, text)
  local value = tonumber(text)
  cache[text] = value
  return value
end })

-- Divides and rounds down. fmod is exact for integers below 2^53; Lua's own % and / are not.
local function div(a, b)
  return (a - fmod(a, b)) / b
end

-- Returns whether all arguments are numbers that a state can contain. They must be exact as
-- doubles, so times are not beyond the year 2255.
local function areValidNumbers(...)
  for i = 1, select('#', ...) do
    local value = tonumber((select(i, ...)))
    if not value or not (value <= 9007199254740992) then
      return false
    end
  end
  return true
end

-- Returns the ttl in ms of a key that is needed until a time. It is a second longer than that: the
-- state decides what counts, not its expiry.
local function ttlUntil(at)
  return div(at - now, 1000) + 1000
end

-- Each state has its own time, which is ahead of the clock by its skew. If the clock was set back
-- by more than a second since the state was written, the skew grows by as much, so that no time has
-- passed for the state.
-- Returns the skew, and whether it has changed.
local function adjustSkew(writtenAt, skew)
  if now + skew < writtenAt - 1000000 then
    return writtenAt - now, true
  end
  return skew, false
end

-- Returns the end of a token, which is enough to tell the attempts in a state apart.
local function shortName(token)
  return sub(token, -12)
end

-- Appends an attempt to the latest attempts of a state, each written as ',name=granted+wait'. The
-- oldest ones are dropped.
local function appendAttempt(attempts, token, granted, wait)
  if #attempts > 320 then
    attempts = sub(attempts, find(attempts, ',', -240, true))
  end
  return format('%s,%s=%.0f+%.0f', attempts, shortName(token), granted, wait)
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

-- Lets the script write on a server that is full: Redis allows it after a write that needs no
-- memory.
local function allowWriteWhenFull(key)
  command('PEXPIRE', key, max(1, command('PTTL', key)))
end

-- The kinds of states, by the name that Limit.script gives them. Each is a table of functions, in
-- sliding-window-log.lua, fixed-window.lua, sliding-window-counter.lua, token-bucket.lua and
-- slots.lua. `a` and `b` are two numbers whose meaning depends on the kind. Times are microseconds
-- from now.
--   inspect(key, limit, a, b, minCost, spendWithin, token, maxCost)
--     returns the state without charging it, as a table:
--       available       the cost that can be admitted now
--       fullAfter       when all of the limit is available
--       readyAfter      when minCost is available
--       grantable       the cost that can be granted, if that is not `available`
--       grantableLater  the cost that can be granted to be spent within spendWithin, if that is
--                       different again
--       granted         what this attempt was granted before: a client resends what got no reply
--       wait            how long this attempt was told to wait before
--       mark            the mark of this attempt's charge before
--       denied          whether this attempt was denied before, if the kind remembers denials
--   charge(key, limit, a, b, granted, wait, spendWithin, token, state)
--     charges `granted` as if it were spent after wait + spendWithin. Updates `state`: available,
--     fullAfter, and `mark`, which refund needs. Returns the time within which it can be spent.
--   rememberDenial(key, token)
--     remembers that the attempt was denied. Not every kind has this function.
--   refund(key, a, b, mark, token, charged, chargedAt)
--     gives a charge back if it still counts. Returns whether it does, and the time until which a
--     second refund would count as well.
local kinds = {}
