-- Moves a write that can't be flushed to the dead letters, for the partition's owner. What is cached of it goes as well.
-- KEYS[1] the partition's owner  KEYS[2] its stream  KEYS[3] its pending values  KEYS[4] what became of them  KEYS[5] failed attempts
-- KEYS[6] the dead letters  KEYS[7] the entry
-- ARGV[1] the worker's token  ARGV[2] its place in the stream  ARGV[3] id  ARGV[4] sequence  ARGV[5] error  ARGV[6] attempts
-- returns 1, or 'lost': it has another owner
-- cost: O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local write = redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2])[1]
if not write then return 1 end

local fields = write[2]
local time = redis.call('TIME')
for _, more in ipairs({'sequence', ARGV[4], 'error', ARGV[5], 'attempts', ARGV[6], 'at', time[1] * 1000 + math.floor(time[2] / 1000)}) do
  fields[#fields + 1] = more
end
redis.call('XADD', KEYS[6], '*', unpack(fields))
redis.call('XDEL', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[3])
redis.call('HSET', KEYS[4], ARGV[3], '!' .. ARGV[4])

local sequence = tonumber(ARGV[4])
local function isOurs(value)
  return value and #value >= 10 and struct.unpack('>d', value:sub(3, 10)) <= sequence
end
if isOurs(redis.call('HGET', KEYS[3], ARGV[3])) then redis.call('HDEL', KEYS[3], ARGV[3]) end
if isOurs(redis.call('GET', KEYS[7])) then redis.call('DEL', KEYS[7]) end
return 1
