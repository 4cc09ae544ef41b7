-- concurrency: slots that are held until they are released.
-- State: a sorted set with a member 'token:ttl' for each slot, whose score is the time at which the
-- slot expires. A request takes one slot, whatever its cost. The ttl is in microseconds and belongs
-- to the slot, because processes can differ in it during a deployment. Released slots and denied
-- attempts are remembered in a second key (ended-attempts.lua).
-- a: the ttl of a new slot
-- cost: O(log n) in the slots
-- needs common.lua, kinds.lua, ended-attempts.lua

-- How long a denied attempt is remembered.
local REMEMBER_DENIAL_FOR = 10000000

local function slotName(token, slotTtl)
  return token .. ':' .. textOf[slotTtl]
end

local function latestExpiry(key)
  return tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2])
end

-- After the clock was set back, makes each slot expire after its own ttl from now.
local function shortenSlots(key, slotTtl)
  allowWriteWhenFull(key)
  local from = '(' .. textOf[now + slotTtl]
  local slots = command('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES')
  for j = 1, #slots, 2 do
    local ownTtl = tonumber(match(slots[j], ':(%d+)$') or slotTtl)
    if not areValidNumbers(ownTtl) then
      ownTtl = slotTtl
    end
    if tonumber(slots[j + 1]) > now + ownTtl + 1000000 then
      command('ZADD', key, now + ownTtl, slots[j])
    end
  end
end

kinds.slots = {
  inspect = function(state, key, limit, request, token)
    local slotTtl = limit.a
    local unexpired = '(' .. textOf[now]
    local held = command('ZCOUNT', key, unexpired, '+inf')
    state.available = limit.max - held
    state.fullAfter = 0
    state.readyAfter = 0
    state.grantable = held < limit.max and math.huge or 0
    if not peeking then
      if command('ZSCORE', key, slotName(token, slotTtl)) or hasEnded(key, token) then
        state.granted = request.maxCost
      elseif hasEnded(key, token .. ':denied') then
        state.denied = true
        state.readyAfter = 1
      end
    end
    if held > 0 then
      if latestExpiry(key) > now + slotTtl + 1000000 then
        shortenSlots(key, slotTtl)
      end
      state.fullAfter = latestExpiry(key) - now
    end
    if held >= limit.max then
      local offset = held - limit.max
      local slots = command(
        'ZRANGEBYSCORE', key, unexpired, '+inf', 'WITHSCORES', 'LIMIT', offset, 1
      )
      state.readyAfter = slots[2] - now
    end
  end,

  charge = function(state, key, limit, granted, wait, spendWithin, token)
    local slotTtl = limit.a
    command('ZREMRANGEBYSCORE', key, '-inf', textOf[now])
    command('ZADD', key, textOf[now + slotTtl], slotName(token, slotTtl))
    state.available = state.available - 1
    state.fullAfter = max(state.fullAfter, slotTtl)
    local ttl = newTtl(key, now + state.fullAfter)
    if ttl then
      command('PEXPIRE', key, ttl)
    end
    return spendWithin
  end,

  rememberDenial = function(key, token)
    rememberEnded(key, token .. ':denied', REMEMBER_DENIAL_FOR)
  end,
}
