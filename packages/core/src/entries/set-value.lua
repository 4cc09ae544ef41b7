-- Stores a value. Put before the scripts that store entries.

-- `ttl` is in ms; with 0, the value does not expire. Returns the reply, which may be an error.
local function setValue(key, value, ttl)
  if tonumber(ttl) == 0 then return redis.pcall('SET', key, value) end
  return redis.pcall('SET', key, value, 'PX', ttl)
end
