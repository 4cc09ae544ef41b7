-- Moves a write that can't be flushed to the dead letters, for the partition's owner. What is
-- cached of it goes as well.
-- KEYS[1] the entry  KEYS[2] its intents  KEYS[3] the partition's owner  KEYS[4] its stream 
-- KEYS[5] its pending values  KEYS[6] failed attempts
-- KEYS[7] the dead letters  KEYS[8] what is buried of each id  KEYS[9] where replayed writes are
-- ARGV[1] the worker's token  ARGV[2] its position in the stream  ARGV[3] id  ARGV[4] sequence 
-- ARGV[5] error  ARGV[6] attempts
-- returns 1, or 'lost': it has another owner
-- cost: O(log n) in the dead letters

if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 'lost' end
local write = redis.call('XRANGE', KEYS[4], ARGV[2], ARGV[2])[1]
if not write then return 1 end

redis.call('XDEL', KEYS[4], ARGV[2]) -- frees memory before the letter takes it
local was_replayed = redis.call('HDEL', KEYS[9], ARGV[4]) == 1
redis.call('HDEL', KEYS[6], ARGV[3])
local time, fields = redis.call('TIME'), {}
for i = 1, #write[2], 2 do
  if i == 1 or write[2][i] ~= 'sequence' then
    fields[#fields + 1] = write[2][i]
    fields[#fields + 1] = write[2][i + 1]
  end
end
local at = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
for _, more in ipairs({'sequence', ARGV[4], 'error', ARGV[5], 'attempts', ARGV[6], 'at', at}) do fields[#fields + 1] = more end
redis.call('ZADD', KEYS[7], ARGV[4], cmsgpack.pack(fields))

local sequence = tonumber(ARGV[4])
local pending = sequence_of(redis.call('HGET', KEYS[5], ARGV[3]))
local count, last, flushed = buried_of(KEYS[8], ARGV[3])
if (not pending or pending <= sequence) and flushed < sequence then last = math.max(last, sequence) end
note_buried(KEYS[8], ARGV[3], was_replayed and count or count + 1, last, flushed)
if pending and pending <= sequence then redis.call('HDEL', KEYS[5], ARGV[3]) end
local cached = sequence_of(redis.call('GET', KEYS[1]))
if cached and cached <= sequence then redis.call('DEL', KEYS[1]) end
return 1
