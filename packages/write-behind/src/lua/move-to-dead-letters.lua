-- Moves a write that cannot be flushed to the dead letters, for the owner of the partition. Deletes
-- the cached entry if it holds this write.
-- needs dead-letters.lua, stored-sequence.lua, foreign-values.lua and time.lua of core
-- KEYS[1] the entry
-- KEYS[2] the intents of the entry
-- KEYS[3] the owner of the partition
-- KEYS[4] the stream of the partition
-- KEYS[5] the pending values by id
-- KEYS[6] the failed attempts by id
-- KEYS[7] the dead letters
-- KEYS[8] the dead letter states by id
-- KEYS[9] the positions of replayed writes by sequence
-- ARGV[1] the token of the worker
-- ARGV[2] the position of the write in the stream
-- ARGV[3] the id
-- ARGV[4] the sequence
-- ARGV[5] the error
-- ARGV[6] the number of attempts
-- returns 1, or 'lost' if the partition has another owner
-- cost: O(log n) in the dead letters

if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 'lost' end
local write = redis.call('XRANGE', KEYS[4], ARGV[2], ARGV[2])[1]
if not write then return 1 end

redis.call('XDEL', KEYS[4], ARGV[2]) -- frees memory before the dead letter takes it
local was_replayed = redis.call('HDEL', KEYS[9], ARGV[4]) == 1
redis.call('HDEL', KEYS[6], ARGV[3])
local fields = {}
local function add_field(name, value)
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
for i = 1, #write[2], 2 do
  if i == 1 or write[2][i] ~= 'sequence' then add_field(write[2][i], write[2][i + 1]) end
end
add_field('sequence', ARGV[4])
add_field('error', ARGV[5])
add_field('attempts', ARGV[6])
add_field('at', string.format('%.0f', milliseconds()))
redis.call('ZADD', KEYS[7], ARGV[4], cmsgpack.pack(fields))

local sequence = tonumber(ARGV[4])
local pending = sequence_of(redis.call('HGET', KEYS[5], ARGV[3]))
local count, last, flushed = dead_letter_state(KEYS[8], ARGV[3])
if (not pending or pending <= sequence) and flushed < sequence then
  last = math.max(last, sequence)
end
set_dead_letter_state(KEYS[8], ARGV[3], was_replayed and count or count + 1, last, flushed)
if pending and pending <= sequence then redis.call('HDEL', KEYS[5], ARGV[3]) end
local cached = sequence_of(redis.call('GET', KEYS[1]))
if cached and cached <= sequence then redis.call('DEL', KEYS[1]) end
return 1
