-- Removes writes that the database has from the queue, for the owner of the partition. The commands
-- that free memory come first, so this also works on a full server.
-- needs dead-letters.lua, stored-sequence.lua, foreign-values.lua of core
-- KEYS[1] the owner of the partition
-- KEYS[2] the stream of the partition
-- KEYS[3] the pending values by id
-- KEYS[4] the failed attempts by id
-- KEYS[5] the dead letter states by id
-- KEYS[6] the positions of replayed writes by sequence
-- ARGV[1] the token of the worker
-- ARGV[2] the number of writes
-- ARGV[3] the number of replayed writes among them
-- ARGV[4] and on: the position of each write in the stream,
--   then the id and the sequence of each replayed write,
--   then each id and the sequence of its last write
-- returns 1, or 'lost' if the partition has another owner
-- cost: O(n) in the writes

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local writes, replayed = tonumber(ARGV[2]), tonumber(ARGV[3])
local first_replayed = 4 + writes
local first_id = first_replayed + 2 * replayed
for first = 4, 3 + writes, 1000 do
  redis.call('XDEL', KEYS[2], unpack(ARGV, first, math.min(first + 999, 3 + writes)))
end

local has_failed = redis.call('EXISTS', KEYS[4]) == 1
local has_dead_letters = redis.call('EXISTS', KEYS[5]) == 1
for first = first_id, #ARGV, 2000 do
  local ids, sequences, flushed_ids = {}, {}, {}
  for i = first, math.min(first + 1998, #ARGV), 2 do
    ids[#ids + 1] = ARGV[i]
    sequences[#sequences + 1] = tonumber(ARGV[i + 1])
  end
  local pending = redis.call('HMGET', KEYS[3], unpack(ids))
  for i, id in ipairs(ids) do
    local sequence = sequences[i]
    if pending[i] and (sequence_of(pending[i]) or 0) <= sequence then
      flushed_ids[#flushed_ids + 1] = id
    end
    if has_dead_letters and redis.call('HEXISTS', KEYS[5], id) == 1 then
      local count, last, flushed = dead_letter_state(KEYS[5], id)
      if last < sequence then last = 0 end
      set_dead_letter_state(KEYS[5], id, count, last, math.max(flushed, sequence))
    end
  end
  if #flushed_ids > 0 then redis.call('HDEL', KEYS[3], unpack(flushed_ids)) end
  if has_failed then redis.call('HDEL', KEYS[4], unpack(ids)) end
end
for i = first_replayed, first_id - 1, 2 do
  local id, sequence = ARGV[i], ARGV[i + 1]
  if redis.call('HDEL', KEYS[6], sequence) == 1 then
    local count, last, flushed = dead_letter_state(KEYS[5], id)
    set_dead_letter_state(KEYS[5], id, count - 1, last, flushed)
  end
end
return 1
