-- Decides on one request against all limits of a limiter, and charges all of them or none. An
-- attempt that arrives again gets the same answer and is charged nothing more. An id that is
-- blocked is denied. If the local `peeking` is true, which a script sets before these files,
-- nothing is charged.
-- KEYS[i] the state of limit i
-- ARGV[1] token: identifies the attempt
-- ARGV[2] minCost  ARGV[3] maxCost: as much as is available is granted, but at least minCost
-- ARGV[4] µs within which the granted tokens are spent later  ARGV[5] µs that the request can wait
--   for its turn
-- then for each limit: kind  limit  a  b (common.lua)
-- returns big-endian doubles, because a client parses many of them cheaply: now, granted, µs to
--   wait, µs within which the tokens must be spent, µs until the block of the id ends (0 if there
--   is none); and for each limit: available, µs until all is available, µs until minCost is
--   available, mark
-- cost: one MGET for all calls of the script, and that of inspect and charge of each kind
-- needs common.lua, kinds.lua, block.lua, and the files of the kinds of the limits
--   (limit-scripts.ts)

local token = ARGV[1]
local minCost = numberOf[ARGV[2]]
local maxCost = numberOf[ARGV[3]]
local spendWithin = numberOf[ARGV[4]]
local maxWait = numberOf[ARGV[5]]

local states = {}
local before -- The state that knows what this attempt was granted when it ran before.
local wasDenied = false
local granted = maxCost
local grantableNow = maxCost
local readyAfter = 0
local wait = 0
for i = 1, #KEYS do
  local first = 4 * i + 2
  local limit = numberOf[ARGV[first + 1]]
  local a = numberOf[ARGV[first + 2]]
  local b = numberOf[ARGV[first + 3]]
  local inspect = kinds[ARGV[first]].inspect
  local state = inspect(KEYS[i], limit, a, b, minCost, spendWithin, token, maxCost)
  states[i] = state
  if state.granted and not peeking and (not before or state.granted < before.granted) then
    before = state
  end
  wasDenied = wasDenied or state.denied
  local grantable = state.grantable or state.available
  grantableNow = min(grantableNow, grantable)
  granted = min(granted, state.grantableLater or grantable)
  readyAfter = max(readyAfter, state.readyAfter)
end

local blocked = before and 0 or blockedFor(KEYS[1])
if before then
  granted = max(minCost, before.granted)
  spendWithin = 0
  wait = before.wait or 0
elseif wasDenied then
  granted = 0
  spendWithin = 0
else
  if blocked > 0 then
    granted = 0
    spendWithin = 0
  elseif granted < minCost then
    -- Too little can be spent later. Grants minCost, to be spent at once or when its turn comes.
    granted = grantableNow >= minCost and minCost or 0
    spendWithin = 0
    if granted == 0 and maxWait > 0 and readyAfter <= maxWait then
      granted = minCost
      wait = readyAfter
    end
  end

  if not peeking then
    for i = 1, #KEYS do
      local first = 4 * i + 2
      local kind = kinds[ARGV[first]]
      if granted > 0 then
        local limit = numberOf[ARGV[first + 1]]
        local a = numberOf[ARGV[first + 2]]
        local b = numberOf[ARGV[first + 3]]
        local state = states[i]
        spendWithin = kind.charge(
          KEYS[i], limit, a, b, granted, wait, spendWithin, token, state
        )
        if wait > 0 then
          state.available = 0
        end
      elseif kind.rememberDenial then
        kind.rememberDenial(KEYS[i], token)
      end
    end
  end
end

local reply
for i = 1, #KEYS do
  local state = states[i]
  local available = max(0, state.available)
  local ready = granted > 0 and 0 or state.readyAfter
  local mark = state.mark or 0
  if i == 1 then
    reply = pack(
      '>ddddddddd', now, granted, wait, spendWithin, blocked,
      available, state.fullAfter, ready, mark
    )
  else
    reply = reply .. pack('>dddd', available, state.fullAfter, ready, mark)
  end
end
return reply
