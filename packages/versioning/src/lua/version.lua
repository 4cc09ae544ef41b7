-- Shared by the scripts that make versions; put before them.
-- A version is a time in µs, as decimal text: unique, ever-growing, and exact in a double.

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- The version that stands at a key; nil where there is none, or something else.
local function current(key)
  local text = redis.call('GET', key)
  local version = text and text:match('^%d+$') and tonumber(text)
  return version and version < 9007199254740991 and version or nil
end

local function text(version)
  return string.format('%.0f', version)
end
