-- The queue of waiters for a lock or a permit: a sorted set with two kinds of members.
--
-- - `token ttl details` for each waiter, scored by its ticket. It contains what is needed to hand
--   the lock over to the waiter: the details are a JSON description of the holder of a lock, or the
--   number of permits.
-- - `@process` for each process that has waiters. The score is PROCESSES minus the ms until which
--   the waiters of the process count as alive. Tickets are lower, so these members come last.
-- needs clock.lua, numbers.lua

-- Tickets are µs of the server's clock, and below this bound until the year 2191.
local TICKETS, PROCESSES = '(7e15', 8e15

-- Parses a member of the queue. Returns the token of the waiter, the id of its process, its ttl and
-- its details; nil if the member is not a waiter. The id is that of the channel by which the waiter
-- is woken. The token of a permit has a prefix that ends with a colon.
local function parseWaiter(waiter)
  return string.match(waiter, '^([^@ ]-([^@:/ ]*)/%S*) (%d+) (.*)$')
end

-- Returns the ms for which a waiter still counts as alive; 0 or less if it is dead, or if its
-- process is nil. A waiter that came within a tenth of WAITER_TTL is not looked up: it counts as
-- alive for WAITER_TTL. If its time is longer than that, the server's clock was set back, and the
-- time is capped.
local function aliveFor(waiters, process, ticket)
  if not process then return 0 end
  local waited = microseconds() - ticket
  if waited >= 0 and waited < 100 * WAITER_TTL then return WAITER_TTL end
  local score = tonumber(command('ZSCORE', waiters, '@' .. process) or nil)
  local left = score and PROCESSES - score - milliseconds() or 0
  if left <= WAITER_TTL then return left end
  command('ZADD', waiters, integer(PROCESSES - milliseconds() - WAITER_TTL), '@' .. process)
  return WAITER_TTL
end
