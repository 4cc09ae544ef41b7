-- Blocks: an id that is blocked is denied until its block ends.
-- State: a string 'endsAt duration', two numbers of µs. Its key is that of the id's states with
-- 'block' instead of the name and kind of a limit, in the same Cluster slot. For decisions it is
-- not among KEYS: most ids have no block, and while a Cluster slot moves, Redis refuses a call with
-- two keys of which only one is there (TRYAGAIN).
-- cost: one MGET for all calls of the script
-- needs common.lua

local function blockKeyOf(stateKey)
  return (match(stateKey, '^(.*):[^:]*:[^:]*$') or stateKey) .. ':block'
end

-- The values of the blocks by the keys of the states: texts, or false.
local blocks

-- Reads the blocks of all calls that the script runs; here, KEYS are the keys of all of them.
local function readBlocks()
  blocks = {}
  local keys, indexes = {}, {}
  for i = 1, #KEYS do
    local key = blockKeyOf(KEYS[i])
    if key ~= keys[#keys] then
      keys[#keys + 1] = key
    end
    indexes[i] = #keys
  end
  local values = redis.pcall('MGET', unpack(keys))
  for i, j in ipairs(indexes) do
    -- While a Cluster slot moves, Redis can refuse to read several keys at once.
    local value = values.err and redis.pcall('GET', keys[j]) or values[j]
    blocks[KEYS[i]] = type(value) == 'string' and value
  end
end

-- Returns the µs until the block of an id ends; 0 if there is none. After the clock was set back,
-- the block ends at most its own duration from now.
local function blockedFor(stateKey)
  if not blocks then
    readBlocks()
  end
  local value = blocks[stateKey]
  if not value then
    return 0
  end
  local endsAt, duration = match(value, '^(%d+) (%d+)$')
  if not endsAt or not areValidNumbers(endsAt, duration) then
    return 0
  end
  local left = endsAt - now
  if left > duration + 1000000 then
    left = tonumber(duration)
    if not peeking then
      local key = blockKeyOf(stateKey)
      allowWriteWhenFull(key)
      command('SET', key, format('%.0f %.0f', now + left, left), 'PX', ttlUntil(now + left))
    end
  end
  return max(0, left)
end
