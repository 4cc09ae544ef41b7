-- Forgets writes that the database has, for the partition's owner.
-- KEYS[1] the partition's owner  KEYS[2] its stream  KEYS[3] its pending values  KEYS[4] what became of them  KEYS[5] failed attempts
-- ARGV[1] the worker's token  ARGV[2] the place up to which the stream is done with, or ''  ARGV[3] how many writes, if not
--   then their places in the stream, then for each id: itself and its last sequence
-- returns 1, or 'lost': it has another owner
-- cost: O(n) in the writes

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local writes = tonumber(ARGV[3])
if ARGV[2] ~= '' then redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2]) end
for first = 4, 3 + writes, 1000 do
  redis.call('XDEL', KEYS[2], unpack(ARGV, first, math.min(first + 999, 3 + writes)))
end

local kept = {}
for i = 3, 5 do
  if redis.call('EXISTS', KEYS[i]) == 1 then kept[#kept + 1] = KEYS[i] end
end
local last = {} -- by id
for first = 4 + writes, #ARGV, 2000 do
  local ids, done = {}, {}
  for i = first, math.min(first + 1998, #ARGV), 2 do
    ids[#ids + 1] = ARGV[i]
    last[ARGV[i]] = ARGV[i + 1]
  end
  local pending = redis.call('HMGET', KEYS[3], unpack(ids))
  for i, id in ipairs(ids) do
    if pending[i] and struct.unpack('>d', pending[i]:sub(3, 10)) > tonumber(last[id]) then
      redis.call('HSET', KEYS[4], id, last[id])
      redis.call('HDEL', KEYS[5], id)
    else
      done[#done + 1] = id
    end
  end
  if #done > 0 then
    for _, by_id in ipairs(kept) do redis.call('HDEL', by_id, unpack(done)) end
  end
end
return 1
