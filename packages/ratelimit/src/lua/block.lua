-- Blocks: an id that is blocked is denied until its block ends.
-- State: a string 'endsAt duration', two numbers of µs. Its key is that of the id's states with
-- 'block' instead of the name and kind of a limit, in the same Cluster slot. For decisions it is
-- not among KEYS: most ids have no block, and while a Cluster slot moves, Redis refuses a call with
-- two keys of which only one is there (TRYAGAIN).
-- cost: one EXISTS for all calls of the script, and one MGET if there are blocks
-- needs common.lua

-- What follows the id in the latest key, which is the same in most keys.
local suffix = ''

local function blockKeyOf(stateKey)
  if sub(stateKey, -#suffix) ~= suffix then
    suffix = match(stateKey, ':[^:]*:[^:]*$') or ''
  end
  return sub(stateKey, 1, -1 - #suffix) .. ':block'
end

-- The values of the blocks that there are, by the keys of the first states of their ids.
local blocks

-- Reads the blocks of all calls that the script runs; here, KEYS are the keys of all of them.
local function readBlocks(keysPerCall)
  blocks = {}
  local keys = {}
  for i = 1, #KEYS, keysPerCall do
    keys[#keys + 1] = blockKeyOf(KEYS[i])
  end
  if redis.pcall('EXISTS', unpack(keys)) == 0 then
    return
  end
  local values = redis.pcall('MGET', unpack(keys))
  for i = 1, #keys do
    -- While a Cluster slot moves, Redis can refuse to read several keys at once.
    local value = values.err and redis.pcall('GET', keys[i]) or values[i]
    if type(value) == 'string' then
      blocks[KEYS[(i - 1) * keysPerCall + 1]] = value
    end
  end
end

-- Returns the µs until the block of an id ends; 0 if there is none. `stateKeys` are the keys of its
-- states. After the clock was set back, the block ends at most its own duration from now.
local function blockedFor(stateKeys)
  if not blocks then
    readBlocks(#stateKeys)
  end
  local stateKey = stateKeys[1]
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
      command('SET', key, format('%d %d', now + left, left), 'PX', ttlUntil(now + left))
    end
  end
  return max(0, left)
end
