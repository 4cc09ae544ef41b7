-- Decides on one request against all limits of a limiter, and charges all of them or none. An
-- attempt that arrives again gets the same answer and is charged nothing more. An id that is
-- blocked is denied. If the local `peeking` is true, which a script sets before these files,
-- nothing is charged.
-- KEYS[i] the state of limit i
-- ARGV[1] token: identifies the attempt
-- ARGV[2] the request, as 'minCost maxCost spendWithin maxWait': as much as is available is
--   granted, up to maxCost, but at least minCost; µs within which the granted tokens are spent
--   later; µs that the request can wait for its turn
-- ARGV[i + 2] limit i, as 'kind limit a b' (kinds.lua)
-- returns big-endian doubles, because a client parses many of them cheaply: now, granted, µs to
--   wait, µs within which the tokens must be spent, µs until the block of the id ends (0 if there
--   is none); and for each limit: available, µs until all is available, µs until minCost is
--   available, mark
-- cost: that of block.lua for all calls of the script, and that of inspect and charge of each kind
-- needs common.lua, kinds.lua, block.lua, and the files of the kinds of the limits
--   (limit-scripts.ts)

local token = ARGV[1]
local request = requestOf[ARGV[2]]
local minCost = request.minCost
local spendWithin = request.spendWithin
local before -- The state that knows what this attempt was granted when it ran before.
local wasDenied = false
local granted = request.maxCost
local grantableNow = granted
local readyAfter = 0
local wait = 0
for i = 1, #KEYS do
  local limit = limitOf[ARGV[i + 2]]
  local state = states[i]
  state.grantable = false
  state.grantableLater = false
  state.granted = false
  state.wait = false
  state.mark = false
  state.denied = false
  limit.kind.inspect(state, KEYS[i], limit, request, token)
  if state.granted and not peeking and (not before or state.granted < before.granted) then
    before = state
  end
  wasDenied = wasDenied or state.denied
  local grantable = state.grantable or state.available
  if grantable < grantableNow then
    grantableNow = grantable
  end
  grantable = state.grantableLater or grantable
  if grantable < granted then
    granted = grantable
  end
  if state.readyAfter > readyAfter then
    readyAfter = state.readyAfter
  end
end

local blocked = before and 0 or blockedFor(KEYS)
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
    if granted == 0 and readyAfter <= request.maxWait and request.maxWait > 0 then
      granted = minCost
      wait = readyAfter
    end
  end

  if not peeking then
    for i = 1, #KEYS do
      local limit = limitOf[ARGV[i + 2]]
      local kind = limit.kind
      if granted > 0 then
        local state = states[i]
        spendWithin = kind.charge(state, KEYS[i], limit, granted, wait, spendWithin, token)
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
