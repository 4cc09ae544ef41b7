-- Takes a write: the entry, the value that is kept until the database has it, and its position in the queue.
-- KEYS[1] the entry  KEYS[2] its intents  KEYS[3] its lease  KEYS[4] the partition's stream  KEYS[5] its pending values  KEYS[6] the writer's session
-- ARGV[1] attempt  ARGV[2] the lowest attempt that is not over  ARGV[3] the session's ttl, ms
-- ARGV[4] id, behind its type  ARGV[5] the value, framed, with room for its version  ARGV[6] the entry's ttl, ms  ARGV[7] the most writes that may be
--   pending  ARGV[8] the lease the write depends on, or ''  ARGV[9] 'write', 'delete' or 'patch'  ARGV[10] the patch
-- returns its sequence as text; 'full': nothing was written; 'overtaken': somebody else wrote since the lease was taken; 'closed': there is no such
--   session; 'over': the writer gave this attempt up
-- cost: O(1), and O(n) in the attempts that are over

local known = redis.call('HMGET', KEYS[6], 'floor', ARGV[1])
local floor = floor_of(known[1])
if not floor then return 'closed' end
if known[2] and known[2]:match('^%d+$') then return known[2] end -- it was executed, and its reply was lost
if tonumber(ARGV[1]) < floor then return 'over' end
if ARGV[8] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[8] then return 'overtaken' end
redis.call('HEXISTS', KEYS[5], '') -- of another type it fails here, before anything is done
if redis.call('XLEN', KEYS[4]) >= tonumber(ARGV[7]) then return 'full' end

-- The first command that writes: a full server refuses it, and nothing is written.
local sequence
if ARGV[9] == 'write' then
  sequence = append(KEYS[4], ARGV[4], ARGV[5])
elseif ARGV[9] == 'delete' then
  sequence = append(KEYS[4], ARGV[4], ARGV[5], 'kind', 'delete')
else
  sequence = append(KEYS[4], ARGV[4], ARGV[5], 'patch', ARGV[10])
end
local text = string.format('%.0f', sequence)
local value = versioned(ARGV[5], sequence)
redis.call('HSET', KEYS[5], ARGV[4]:sub(3), value)
redis.call('SET', KEYS[1], value, 'PX', ARGV[6])
redis.call('DEL', KEYS[3])
raise_floor(KEYS[6], floor, tonumber(ARGV[2]))
redis.call('HSET', KEYS[6], ARGV[1], text)
redis.call('PEXPIRE', KEYS[6], ARGV[3])
return text
