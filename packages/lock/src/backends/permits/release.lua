-- Releases a permit, or leaves the queue, and hands over what is free. It writes a tombstone for the
-- token. A repeated release returns the result that the tombstone stores, and requests of the token
-- that arrive late acquire nothing.
-- needs clock.lua, numbers.lua, waiters.lua, fence.lua, holders.lua, hand-over.lua
-- KEYS as in acquire.lua
-- ARGV[1] token  ARGV[2] its ttl in ms  ARGV[3] permits  ARGV[4] prefix of the waiters' channels
-- returns {1 if the permit was released, else 0, messages to those who got a permit}, or a number
-- if it is repeated
-- cost: O(log n) in the number of holders and waiters, for each permit that is handed over

removeExpired(KEYS[1], KEYS[5])
local released = removeHolder(KEYS[1], KEYS[5], ARGV[1])
if not released then
  local tombstone = command('GET', KEYS[3])
  if tombstone then return tonumber(tombstone) end
  command('ZREM', KEYS[4], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
end
-- SET comes after the commands that need no memory: only then does a full server accept it.
command('SET', KEYS[3], released and '1' or '0', 'PX', TOMBSTONE_TTL)
local reply = handOver(KEYS, ARGV[4])
table.insert(reply, 1, released and 1 or 0)
return reply
