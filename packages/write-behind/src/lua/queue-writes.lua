-- Accepts a write. Appends it to the queue, keeps its value until the database has it, and stores
-- the value in the cached entry.
-- needs append.lua, session.lua, stored-sequence.lua, foreign-values.lua of core
-- KEYS[1] the entry
-- KEYS[2] the intents of the entry
-- KEYS[3] the lease of the entry
-- KEYS[4] the stream of the partition
-- KEYS[5] the pending values by id
-- KEYS[6] the session of the writer
-- ARGV[1] the attempt
-- ARGV[2] floor: the lowest attempt that is still open
-- ARGV[3] the abandoned attempts above it, separated by spaces
-- ARGV[4] the ttl of the session, ms
-- ARGV[5] the id, after a letter for its type and a colon
-- ARGV[6] the value, framed, with room for its version
-- ARGV[7] the ttl of the entry, ms
-- ARGV[8] the maximum number of pending writes
-- ARGV[9] the lease that the write depends on, or ''
-- ARGV[10] 'write', 'delete' or 'patch'
-- ARGV[11] the patch
-- returns its sequence as text, or:
--   'full': the queue is full; nothing was written
--   'overtaken': another write came after the lease was taken; nothing was written
--   'closed': there is no such session; nothing was written
--   'over': the writer gave this attempt up; nothing was written
-- cost: O(1), and O(n) in the attempts that have ended

local earlier_outcome = outcome_of(KEYS[6], ARGV[1])
if earlier_outcome then return earlier_outcome end
local function finish(outcome)
  return record_outcome(KEYS[6], ARGV[1], ARGV[2], ARGV[3], ARGV[4], outcome)
end

-- Fails on a foreign type before anything is written.
redis.call('HEXISTS', KEYS[5], '')
local writes = redis.call('XLEN', KEYS[4])
if ARGV[9] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[9] then return finish('overtaken') end
if writes >= tonumber(ARGV[8]) then return finish('full') end

-- XADD is the first command that writes. A full server refuses it, so nothing is written.
local sequence
if ARGV[10] == 'write' then
  sequence = append(KEYS[4], ARGV[5], ARGV[6])
elseif ARGV[10] == 'delete' then
  sequence = append(KEYS[4], ARGV[5], ARGV[6], 'kind', 'delete')
else
  sequence = append(KEYS[4], ARGV[5], ARGV[6], 'patch', ARGV[11])
end
local value = with_sequence(ARGV[6], sequence)
redis.call('HSET', KEYS[5], ARGV[5]:sub(3), value)
redis.call('SET', KEYS[1], value, 'PX', ARGV[7])
redis.call('DEL', KEYS[3])
return finish(string.format('%.0f', sequence))
