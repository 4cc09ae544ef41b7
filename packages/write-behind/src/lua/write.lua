-- Takes a write: the entry, the value that is kept until the database has it, and its position in
-- the queue.
-- KEYS[1] the entry  KEYS[2] its intents  KEYS[3] its lease  KEYS[4] the partition's stream 
-- KEYS[5] its pending values  KEYS[6] the writer's session
-- ARGV[1] attempt  ARGV[2] the lowest attempt that is not over  ARGV[3] those above it that are
-- ARGV[4] the session's ttl, ms
-- ARGV[5] id, behind its type  ARGV[6] the value, framed, with room for its version
-- ARGV[7] the entry's ttl, ms  ARGV[8] the most writes that may be
--   pending  ARGV[9] the lease the write depends on, or ''  ARGV[10] 'write', 'delete' or 'patch'
-- ARGV[11] the patch
-- returns its sequence as text; 'full': nothing was written; 'overtaken': somebody else wrote since
-- the lease was taken; 'closed': there is no such
--   session; 'over': the writer gave this attempt up
-- cost: O(1), and O(n) in the attempts that are over

local known = outcome_of(KEYS[6], ARGV[1])
if known then return known end -- it was done, and its reply was lost; or it is not to be done
local function came_to(outcome)
  return note_outcome(KEYS[6], ARGV[1], ARGV[2], ARGV[3], ARGV[4], outcome)
end

redis.call('HEXISTS', KEYS[5], '') -- of another type it fails here, before anything is done
local writes = redis.call('XLEN', KEYS[4])
if ARGV[9] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[9] then return came_to('overtaken') end
if writes >= tonumber(ARGV[8]) then return came_to('full') end

-- The first command that writes: a full server refuses it, and nothing is written.
local sequence
if ARGV[10] == 'write' then
  sequence = append(KEYS[4], ARGV[5], ARGV[6])
elseif ARGV[10] == 'delete' then
  sequence = append(KEYS[4], ARGV[5], ARGV[6], 'kind', 'delete')
else
  sequence = append(KEYS[4], ARGV[5], ARGV[6], 'patch', ARGV[11])
end
local value = versioned(ARGV[6], sequence)
redis.call('HSET', KEYS[5], ARGV[5]:sub(3), value)
redis.call('SET', KEYS[1], value, 'PX', ARGV[7])
redis.call('DEL', KEYS[3])
return came_to(string.format('%.0f', sequence))
