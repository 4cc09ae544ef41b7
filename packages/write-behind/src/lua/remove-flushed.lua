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
-- ARGV[2] the ids, one on each line
-- ARGV[3] the sequence of the last write of each id, which is its position unless it was replayed
-- ARGV[4] the positions of the other writes, and of replayed ones
-- ARGV[5] each replayed write on two lines: its id and its sequence
-- returns 1, or 'lost' if the partition has another owner
-- cost: O(n) in the writes

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local function lines(text)
  local all, count = {}, 0
  for line in text:gmatch('[^\n]+') do
    count = count + 1
    all[count] = line
  end
  return all
end
local ids, sequences, replayed = lines(ARGV[2]), lines(ARGV[3]), lines(ARGV[5])
for _, positions in ipairs({sequences, lines(ARGV[4])}) do
  for first = 1, #positions, 1000 do
    redis.call('XDEL', KEYS[2], unpack(positions, first, math.min(first + 999, #positions)))
  end
end

local has_failed = redis.call('EXISTS', KEYS[4]) == 1
local has_dead_letters = redis.call('EXISTS', KEYS[5]) == 1
for first = 1, #ids, 1000 do
  local last = math.min(first + 999, #ids)
  local pending = redis.call('HMGET', KEYS[3], unpack(ids, first, last))
  local flushed_ids, count = {}, 0
  for i = first, last do
    local value = pending[i - first + 1]
    if value and (sequence_of(value) or 0) <= tonumber(sequences[i]) then
      count = count + 1
      flushed_ids[count] = ids[i]
    end
  end
  if count > 0 then redis.call('HDEL', KEYS[3], unpack(flushed_ids)) end
  if has_failed then redis.call('HDEL', KEYS[4], unpack(ids, first, last)) end
end
for i = 1, has_dead_letters and #ids or 0 do
  local id, sequence = ids[i], tonumber(sequences[i])
  if redis.call('HEXISTS', KEYS[5], id) == 1 then
    local count, last, flushed = dead_letter_state(KEYS[5], id)
    if last < sequence then last = 0 end
    set_dead_letter_state(KEYS[5], id, count, last, math.max(flushed, sequence))
  end
end
for i = 1, #replayed, 2 do
  local id, sequence = replayed[i], replayed[i + 1]
  if redis.call('HDEL', KEYS[6], sequence) == 1 then
    local count, last, flushed = dead_letter_state(KEYS[5], id)
    set_dead_letter_state(KEYS[5], id, count - 1, last, flushed)
  end
end
return 1
