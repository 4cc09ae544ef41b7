-- Releases a lock that the token does not hold: it leaves the queue, repeats the result of an
-- earlier release, or releases the lock by force. A lock that has expired is handed over as well.
-- release.lua describes the arguments and the result. `value` is the value of the first key.
-- needs clock.lua, hand-over.lua

local stored = command('MGET', KEYS[2], KEYS[3])
if stored[2] then return tonumber(stored[2]) end
command('ZREM', KEYS[4], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
local released, message = value and ARGV[5] == 'any', nil
if value and not released then
  -- The queue has no waiters any more if its first member is a process.
  local first = command('ZRANGE', KEYS[4], '0', '0')[1]
  if first and string.sub(first, 1, 1) == '@' then command('DEL', KEYS[4]) end
else
  local waiter, ticket = unpack(command('ZPOPMIN', KEYS[4]))
  message = waiter and handOver(KEYS, ARGV[4], waiter, ticket, stored[1])
  if not message then command('DEL', KEYS[1]) end
end
command('SET', KEYS[3], released and '1' or '0', 'PX', TOMBSTONE_TTL)
released = released and 1 or 0
return message and {released, message} or released
