-- What all kinds of states share.
-- cost: none
-- needs common.lua

local find = string.find
local pack = struct.pack
local min = math.min

-- Parses numbers and keeps them: most arguments are the same in all calls of a script.
local numberOf = setmetatable({}, { __index = function(cache, text)
  local value = tonumber(text)
  cache[text] = value
  return value
end })

-- Formats whole numbers and keeps the texts: most numbers are the same in all calls of a script.
local textOf = setmetatable({}, { __index = function(cache, number)
  local text = format('%.0f', number)
  cache[number] = text
  return text
end })

-- The kinds of states, by the name that Limit.script gives them. Each is a table of functions, in
-- sliding-window-log.lua, fixed-window.lua, sliding-window-counter.lua, token-bucket.lua and
-- slots.lua; `refund` is in a file of its own. `a` and `b` are two numbers whose meaning depends on
-- the kind. Times are microseconds from now.
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
--     second refund would count as well. Not every kind has this function.
local kinds = {}
