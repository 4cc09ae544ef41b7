-- Forgets writes that the database has, for the partition's owner.
-- KEYS[1] the partition's owner  KEYS[2] its stream  KEYS[3] its pending values  KEYS[4] what became of them  KEYS[5] failed attempts
-- ARGV[1] the worker's token  then for each write: its place in the stream, its id, its sequence
-- returns 1, or 'lost': it has another owner
-- cost: O(n) in the writes

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
for i = 2, #ARGV, 3 do
  local id = ARGV[i + 1]
  redis.call('XDEL', KEYS[2], ARGV[i])
  redis.call('HDEL', KEYS[5], id)
  local pending = redis.call('HGET', KEYS[3], id)
  if pending and struct.unpack('>d', pending:sub(3, 10)) > tonumber(ARGV[i + 2]) then
    redis.call('HSET', KEYS[4], id, ARGV[i + 2])
  else
    redis.call('HDEL', KEYS[3], id)
    redis.call('HDEL', KEYS[4], id)
  end
end
return 1
