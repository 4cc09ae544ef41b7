-- Forgets writes that the database has, for the partition's owner. What frees memory comes first,
-- so a full server does it too.
-- KEYS[1] the partition's owner  KEYS[2] its stream  KEYS[3] its pending values  KEYS[4] failed
-- attempts  KEYS[5] what is buried of each id
-- KEYS[6] where replayed writes are
-- ARGV[1] the worker's token  ARGV[2] how many writes  ARGV[3] how many of them were replayed
--   then their positions in the stream, then the id and sequence of each of those replayed, then for each id: itself and its last sequence
-- returns 1, or 'lost': it has another owner
-- cost: O(n) in the writes

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local writes, replayed = tonumber(ARGV[2]), tonumber(ARGV[3])
local first_replayed = 4 + writes
local first_id = first_replayed + 2 * replayed
for first = 4, 3 + writes, 1000 do
  redis.call('XDEL', KEYS[2], unpack(ARGV, first, math.min(first + 999, 3 + writes)))
end

local has_failed = redis.call('EXISTS', KEYS[4]) == 1
local has_letters = redis.call('EXISTS', KEYS[5]) == 1
for first = first_id, #ARGV, 2000 do
  local ids, lasts, done = {}, {}, {}
  for i = first, math.min(first + 1998, #ARGV), 2 do
    ids[#ids + 1] = ARGV[i]
    lasts[#lasts + 1] = tonumber(ARGV[i + 1])
  end
  local pending = redis.call('HMGET', KEYS[3], unpack(ids))
  for i, id in ipairs(ids) do
    if pending[i] and (sequence_of(pending[i]) or 0) <= lasts[i] then done[#done + 1] = id end
    if has_letters and redis.call('HEXISTS', KEYS[5], id) == 1 then
      local count, last, flushed = buried_of(KEYS[5], id)
      note_buried(KEYS[5], id, count, last < lasts[i] and 0 or last, math.max(flushed, lasts[i]))
    end
  end
  if #done > 0 then redis.call('HDEL', KEYS[3], unpack(done)) end
  if has_failed then redis.call('HDEL', KEYS[4], unpack(ids)) end
end
for i = first_replayed, first_id - 1, 2 do
  if redis.call('HDEL', KEYS[6], ARGV[i + 1]) == 1 then
    local count, last, flushed = buried_of(KEYS[5], ARGV[i])
    note_buried(KEYS[5], ARGV[i], count - 1, last, flushed)
  end
end
return 1
