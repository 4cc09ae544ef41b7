-- What all scripts share; put before them. µs since 1970 by the server's clock, the only one that
-- decides; once for all calls of a script.

local command, format, match, pack, fmod, least, most = redis.call, string.format, string.match, struct.pack, math.fmod, math.min, math.max
local find, sub = string.find, string.sub
local time = command('TIME')
local now = time[1] * 1000000 + time[2]

-- Of what the calls of a script say in numbers, most is the same in all of them.
local number = setmetatable({}, { __index = function(known, text)
  local value = tonumber(text)
  known[text] = value
  return value
end })

-- fmod is exact on integers below 2^53; Lua's own % and / are not.
local function div(a, b) return (a - fmod(a, b)) / b end

-- Whether these are numbers that a state may have: exact, and not beyond the year 2255 if they are
-- times.
local function areSane(...)
  for i = 1, select('#', ...) do
    local value = tonumber((select(i, ...)))
    if not value or not (value <= 9007199254740992) then return false end
  end
  return true
end

-- A second more than needed: the state says what counts, not its expiry.
local function ttl(till) return div(till - now, 1000) + 1000 end

-- By how many µs a state's own time is ahead of the clock. It is moved on when the clock was set
-- back by more than a second since the
-- state was written: for the state no time has passed then. Returns it, and whether it was moved.
local function ahead(last, skew)
  if now + skew < last - 1000000 then return last - now, true end
  return skew, false
end

-- The latest attempts that a state was charged for, each as ',name=granted+wait'. Their names are
-- as much of their tokens as tells them apart.
local function short(token) return sub(token, -12) end

-- Puts an attempt behind the others. The oldest ones are dropped.
local function noted(attempts, token, granted, wait)
  if #attempts > 320 then attempts = sub(attempts, find(attempts, ',', -240, true)) end
  return format('%s,%s=%.0f+%.0f', attempts, short(token), granted, wait)
end

-- What an attempt was granted when it ran before, how long it was told to wait, and when the window
-- began that it was charged to: at start, or
-- one of the older ones, each as '|start…', the latest first ('/' stands between the attempts of
-- two windows). nil if it did not run before.
local function attempted(attempts, token, start, older)
  local name = ',' .. short(token) .. '='
  local from = attempts and find(attempts, name, 1, true)
  if not from then return end
  local granted, wait = match(attempts, '^(%d+)%+(%d+)', from + #name)
  local _, before = string.gsub(sub(attempts, from), '/', '')
  for one in string.gmatch(older, '|(%d+)') do
    if before == 0 then break end
    start, before = tonumber(one), before - 1
  end
  return tonumber(granted), tonumber(wait), before == 0 and start or nil
end

-- The attempts of two windows as those of one.
local function merged(attempts)
  local before, after = match(attempts, '^(.*)/(.*)$')
  return before and before .. after or attempts
end

-- A write that needs no memory: after it, a server that is full lets a script write.
local function useNoMemory(key) command('PEXPIRE', key, most(1, command('PTTL', key))) end

-- How each kind of state is looked at, charged and refunded: log.lua, fixed.lua, counter.lua,
-- bucket.lua, slots.lua. Times are µs from now.
--   look(key, limit, a, b, min, hold, token, max)   what it says, nothing charged:
--       available   how much there is
--       full        when all is available
--       ready       when min is
--       spendable   how much may be granted, where that is not what is available
--       holdable    how much may be granted to be spent within hold, where that is something else again
--       granted     what this attempt was granted when it ran before: a client sends again what got
--       no reply
--       wait        and how long it was told to wait
--       denied      whether this attempt was denied when it ran before, where that is remembered
--   charge(key, limit, a, b, granted, wait, hold, token, seen)
--       charges what is granted, as if it were spent after wait + hold, and brings up to date what
--       was seen: available, full, and
--       mark: what refund needs to know. Returns the µs for which it may be spent.
--   deny(key, token)   remembers that the attempt was denied; not every kind has it
--   refund(key, a, b, mark, token, charged, chargedAt)
--       gives it back where it still counts. Returns whether it does, and the µs for which a second refund would count as well.
local kinds = {}
