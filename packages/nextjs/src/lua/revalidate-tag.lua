-- Makes the entries of a tag expired, or stale now and expired later.
-- KEYS[1] the tag's state
-- ARGV[1] the ttl of the state, ms
-- ARGV[2] '' to expire the entries now; otherwise in how many µs they expire, '-' for never
-- returns 1
-- cost: O(1)
-- needs tag-state.lua

local now = microseconds()
local id, marked, expired, deadline = stateAt(KEYS[1])
if not deadline then
  id, marked, expired, deadline = now, 0, 0, 0
end
if deadline > 0 and now >= deadline then
  expired, deadline = math.max(expired, marked), 0
end
-- The clock may have been set back.
marked = math.max(now, marked + 1)
if ARGV[2] == '' then
  expired, deadline = marked, 0
elseif ARGV[2] ~= '-' then
  local later = now + tonumber(ARGV[2])
  -- One deadline is kept, the earlier one: no entry lives longer than the caller allowed.
  if deadline == 0 or later < deadline then deadline = later end
end
local life = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[1]))
local text = answer(id, marked, expired, deadline)[1]
local reply = redis.pcall('SET', KEYS[1], text, 'PX', string.format('%.0f', life))
if reply.err then
  -- Out of memory: an entry that carries the tag is not valid without its state.
  redis.call('DEL', KEYS[1])
  return reply
end
return 1
