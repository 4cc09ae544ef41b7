-- Releases the lock, or leaves its queue. The lock is handed over to the first waiter that is
-- alive, and a message tells it its fence. A waiter gets the lock for the time for which it counts
-- as alive, and then extends it, so that a waiter that died does not hold it for its ttl.
--
-- It writes a tombstone for the token. A repeated release returns the result that the tombstone
-- stores, and requests of the token that arrive late acquire nothing.
-- needs clock.lua, is-held-by.lua, release-other.lua, hand-over.lua
-- KEYS[1] the lock  KEYS[2] its fence  KEYS[3] the token's tombstone  KEYS[4] the queue
-- ARGV[1] token  ARGV[2] its ttl in ms  ARGV[3] JSON description of its holder
-- ARGV[4] prefix of the waiters' channels
-- ARGV[5] 'mine', or 'any' to release the lock whoever holds it; the token then identifies the
-- forced release
-- returns 1 if the lock was released, else 0; {1 or 0, message to the waiter} if it was handed over
-- cost: O(1), and O(log n) in the number of waiters

-- A key of another type makes GET return an error, so the token does not hold the lock.
local value = redis.pcall('GET', KEYS[1])
if not isHeldBy(value, ARGV[1]) then return releaseOther(KEYS, ARGV, value) end
-- ZPOPMIN needs no memory and comes first: a full server then accepts the SETs as well.
local first = command('ZPOPMIN', KEYS[4])
local message = first[1]
  and handOver(KEYS, ARGV[4], first[1], first[2], string.match(value, ' (%d+)'))
if not message then command('DEL', KEYS[1]) end
command('SET', KEYS[3], '1', 'PX', TOMBSTONE_TTL)
return message and {1, message} or 1
