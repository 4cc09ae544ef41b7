-- Takes a write: the entry, the value that is kept until the database has it, and its place in the queue.
-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] the partition's stream  KEYS[4] its pending values
-- ARGV[1] id  ARGV[2] the value, framed, with room for its version  ARGV[3] kind  ARGV[4] the entry's ttl, ms  ARGV[5] the most writes
--   that may be pending  ARGV[6] the lease the write depends on, or ''  ARGV[7] patch, or ''  ARGV[8] the id's type
-- returns its sequence as text; 'full': nothing was written; 'overtaken': somebody else wrote since the lease was taken
-- cost: O(1)

if ARGV[6] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[6] then return 'overtaken' end
if redis.call('XLEN', KEYS[3]) >= tonumber(ARGV[5]) then return 'full' end

local sequence = append(KEYS[3], 'id', ARGV[1], 'type', ARGV[8], 'kind', ARGV[3], 'value', ARGV[2], 'patch', ARGV[7])
local value = ARGV[2]:sub(1, 2) .. struct.pack('>d', sequence) .. ARGV[2]:sub(11)
redis.call('HSET', KEYS[4], ARGV[1], value)
redis.call('SET', KEYS[1], value, 'PX', ARGV[4])
redis.call('DEL', KEYS[2])
return string.format('%.0f', sequence)
