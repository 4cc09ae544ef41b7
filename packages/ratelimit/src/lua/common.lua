-- Functions that all scripts of this package share. They come first in every script.
-- Redis creates all functions of a script each time it runs the script, and that takes longer the
-- more functions and locals there are. So a script contains only the files that it needs.
-- All times are microseconds since 1970 by the clock of the server, which alone decides. It is read
-- once for all calls that a script runs.
-- cost: one TIME for each script
-- needs time.lua of core

local command = redis.call
local format = string.format
local match = string.match
local sub = string.sub
local max = math.max

local now = microseconds()

-- Up to here, every whole number is exact as a double. Times are not beyond the year 2255.
local MAX_EXACT = 9007199254740992

-- Divides and rounds down. % is exact for whole numbers up to MAX_EXACT, / alone is not.
local function div(a, b)
  return (a - a % b) / b
end

-- Returns whether all arguments are numbers that a state can contain.
local function areValidNumbers(...)
  for i = 1, select('#', ...) do
    local value = tonumber((select(i, ...)))
    if not value or not (value <= MAX_EXACT) then
      return false
    end
  end
  return true
end

-- Returns the ttl in ms of a key that is needed until a time. It is whole seconds, so that many
-- keys have the same, and one to two seconds longer than that: the state decides what counts, not
-- its expiry.
local function ttlUntil(at)
  return div(at - now, 1000000) * 1000 + 2000
end

-- Lets the script write on a server that is full: Redis allows it after a write that needs no
-- memory.
local function allowWriteWhenFull(key)
  command('PEXPIRE', key, max(1, command('PTTL', key)))
end
