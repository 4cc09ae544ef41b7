-- What all scripts share; put before them. µs since 1970 by the server's clock, the only one that decides; once for all calls of a script.

local command, format, match, pack, fmod, least, most = redis.call, string.format, string.match, struct.pack, math.fmod, math.min, math.max
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

-- A second more than needed: the state says what counts, not its expiry.
local function ttl(till) return div(till - now, 1000) + 1000 end

-- How each kind of state is looked at, charged and refunded: log.lua, fixed.lua, counter.lua, bucket.lua, slots.lua.
--   look(key, limit, a, b, min, hold, peeking)   what it says, nothing charged:
--       available   how much there is
--       full        µs at which all is available
--       ready       µs at which min is
--       spendable   how much may be granted, where that is not what is available
--       holdable    how much may be granted to be spent within hold, where that is something else again
--   charge(key, limit, a, b, granted, at, hold, token, seen)
--       charges what is granted, as if it were spent at + hold at the latest, and brings up to date what was seen: available, full, and
--       mark: what refund needs to know. Returns the µs for which it may be spent.
--   refund(key, a, b, mark, token, charged, chargedAt)
--       gives it back where it still counts. Returns whether it does, and the µs for which a second refund would count as well.
local kinds = {}
