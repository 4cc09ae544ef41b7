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
-- ARGV[2] the number of ids
-- ARGV[3] the number of replayed writes
-- ARGV[4] and on: each id,
--   then the sequence of the last write of each id, which is its position unless it was replayed,
--   then the positions of the other writes, and of replayed ones,
--   then the id and the sequence of each replayed write
-- returns 1, or 'lost' if the partition has another owner
-- cost: O(n) in the writes

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local ids, first_replayed = tonumber(ARGV[2]), #ARGV - 2 * ARGV[3] + 1
for first = 4 + ids, first_replayed - 1, 1000 do
  redis.call('XDEL', KEYS[2], unpack(ARGV, first, math.min(first + 999, first_replayed - 1)))
end

local has_failed = redis.call('EXISTS', KEYS[4]) == 1
local has_dead_letters = redis.call('EXISTS', KEYS[5]) == 1
for first = 4, 3 + ids, 1000 do
  local last = math.min(first + 999, 3 + ids)
  local pending = redis.call('HMGET', KEYS[3], unpack(ARGV, first, last))
  local flushed_ids, count = {}, 0
  for i = first, last do
    local value = pending[i - first + 1]
    if value and (sequence_of(value) or 0) <= tonumber(ARGV[ids + i]) then
      count = count + 1
      flushed_ids[count] = ARGV[i]
    end
  end
  if count > 0 then redis.call('HDEL', KEYS[3], unpack(flushed_ids)) end
  if has_failed then redis.call('HDEL', KEYS[4], unpack(ARGV, first, last)) end
end
for i = 4, has_dead_letters and 3 + ids or 0 do
  local id, sequence = ARGV[i], tonumber(ARGV[ids + i])
  if redis.call('HEXISTS', KEYS[5], id) == 1 then
    local count, last, flushed = dead_letter_state(KEYS[5], id)
    if last < sequence then last = 0 end
    set_dead_letter_state(KEYS[5], id, count, last, math.max(flushed, sequence))
  end
end
for i = first_replayed, #ARGV, 2 do
  local id, sequence = ARGV[i], ARGV[i + 1]
  if redis.call('HDEL', KEYS[6], sequence) == 1 then
    local count, last, flushed = dead_letter_state(KEYS[5], id)
    set_dead_letter_state(KEYS[5], id, count - 1, last, flushed)
  end
end
return 1
