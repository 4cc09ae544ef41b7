-- What all kinds of states share.
-- cost: none
-- needs common.lua

local find = string.find
local pack = struct.pack
local min = math.min

-- Formats whole numbers and keeps the texts: most numbers are the same in all calls of a script.
-- Lua writes '%d' much faster than '%.0f', and exactly.
local textOf = setmetatable({}, { __index = function(cache, number)
  local text = format('%d', number)
  cache[number] = text
  return text
end })

-- Returns the ttl that a key needs in order to exist until a time; nothing if its ttl is long
-- enough. Redis takes five times as long to set a ttl as to read it. So a new ttl is half as long
-- again as it has to be, and few calls set one.
local function newTtl(key, at)
  local ttl = ttlUntil(at)
  if command('PTTL', key) < ttl then
    return textOf[ttl + div(ttl, 2)]
  end
end

-- The kinds of states, by the name that Limit.script gives them. Each is a table of functions, in
-- sliding-window-log.lua, fixed-window.lua, sliding-window-counter.lua, token-bucket.lua and
-- slots.lua; `refund` is in a file of its own. `limit` has the fields max, a and b; the meaning of
-- a and b depends on the kind. `request` has the fields minCost, maxCost, spendWithin and maxWait.
-- Times are microseconds from now.
--   inspect(state, key, limit, request, token)
--     reads the state without charging it, and describes it in the table `state`. That table comes
--     from an earlier call, because Lua takes longer to create one than to fill it: fields that are
--     not in this list have any value, those from `grantable` on are false. Set no field to nil,
--     because Lua then has to make room for it again.
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
--   charge(state, key, limit, granted, wait, spendWithin, token)
--     charges `granted` as if it were spent after wait + spendWithin. Updates `state`: available,
--     fullAfter, and `mark`, which refund needs. Returns the time within which it can be spent.
--   rememberDenial(key, token)
--     remembers that the attempt was denied. Not every kind has this function.
--   refund(key, a, b, mark, token, charged, chargedAt)
--     gives a charge back if it still counts. Returns whether it does, and the time until which a
--     second refund would count as well. Not every kind has this function.
local kinds = {}

-- The descriptions of limits and requests, parsed. Most are the same in all calls of a script.
local limitOf = setmetatable({}, { __index = function(cache, text)
  local kind, limit, a, b = match(text, '^(%a+) (%d+) (%d+) (%d+)$')
  local parsed = { kind = kinds[kind], max = tonumber(limit), a = tonumber(a), b = tonumber(b) }
  cache[text] = parsed
  return parsed
end })
local requestOf = setmetatable({}, { __index = function(cache, text)
  local minCost, maxCost, spendWithin, maxWait = match(text, '^(%d+) (%d+) (%d+) (%d+)$')
  local parsed = {
    minCost = tonumber(minCost),
    maxCost = tonumber(maxCost),
    spendWithin = tonumber(spendWithin),
    maxWait = tonumber(maxWait),
  }
  cache[text] = parsed
  return parsed
end })

-- The states of the limits of a call. All calls use the same tables.
local states = setmetatable({}, { __index = function(cache, i)
  local state = {}
  cache[i] = state
  return state
end })
