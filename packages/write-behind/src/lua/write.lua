-- Takes a write: the entry, the value that is kept until the database has it, and its place in the queue.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] the partition's stream  KEYS[4] its pending values  KEYS[5] maybe: the write's trace
-- ARGV[1] id, behind its type  ARGV[2] the value, framed, with room for its version  ARGV[3] the entry's ttl, ms  ARGV[4] the most writes that may be
--   pending  ARGV[5] the lease the write depends on, or ''  then names and values of what else is to be kept with the write
-- returns its sequence as text; 'full': nothing was written; 'overtaken': somebody else wrote since the lease was taken
-- cost: O(1)

if ARGV[5] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[5] then return 'overtaken' end
if redis.call('XLEN', KEYS[3]) >= tonumber(ARGV[4]) then return 'full' end

local sequence = append(KEYS[3], ARGV[1], ARGV[2], unpack(ARGV, 6))
local value = ARGV[2]:sub(1, 2) .. struct.pack('>d', sequence) .. ARGV[2]:sub(11)
redis.call('HSET', KEYS[4], ARGV[1]:sub(3), value)
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
if KEYS[5] then redis.call('SET', KEYS[5], '', 'PX', 60000) end -- who looks for it within that time knows that the write is here
return string.format('%.0f', sequence)
