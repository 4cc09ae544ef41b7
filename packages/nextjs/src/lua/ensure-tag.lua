-- Returns the state of a tag for an entry that is about to be stored. A tag that has no state gets
-- one, which says that it was never revalidated.
-- KEYS[1] the tag's state
-- ARGV[1] the ttl of the entry, ms: the state lives at least as long
-- returns { the state, the clock in µs }
-- cost: O(1)
-- needs tag-state.lua

local id, marked, expired, deadline = stateAt(KEYS[1])
if not deadline then
  id, marked, expired, deadline = microseconds(), 0, 0, 0
  local text = answer(id, marked, expired, deadline)[1]
  local reply = redis.pcall('SET', KEYS[1], text, 'PX', ARGV[1])
  if reply.err then return reply end
elseif redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return answer(id, marked, expired, deadline)
