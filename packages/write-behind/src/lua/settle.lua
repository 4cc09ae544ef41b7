-- Forgets writes that the database has, for the partition's owner.
-- KEYS[1] the partition's owner  KEYS[2] its stream  KEYS[3] its pending values  KEYS[4] what became of them  KEYS[5] failed attempts
-- ARGV[1] the worker's token  ARGV[2] how many writes  then their places in the stream, then for each id: itself and its last sequence
-- returns 1, or 'lost': it has another owner
-- cost: O(n) in the writes

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local writes = tonumber(ARGV[2])
for first = 3, 2 + writes, 1000 do
  redis.call('XDEL', KEYS[2], unpack(ARGV, first, math.min(first + 999, 2 + writes)))
end

local done = {}
local function forget()
  if #done == 0 then return end
  redis.call('HDEL', KEYS[3], unpack(done))
  redis.call('HDEL', KEYS[4], unpack(done))
  redis.call('HDEL', KEYS[5], unpack(done))
  done = {}
end
for i = 3 + writes, #ARGV, 2 do
  local id = ARGV[i]
  local pending = redis.call('HGET', KEYS[3], id)
  if pending and struct.unpack('>d', pending:sub(3, 10)) > tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[4], id, ARGV[i + 1])
    redis.call('HDEL', KEYS[5], id)
  else
    done[#done + 1] = id
    if #done == 1000 then forget() end
  end
end
forget()
return 1
