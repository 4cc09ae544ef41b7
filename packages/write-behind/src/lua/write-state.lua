-- Returns the state of a write.
-- needs dead-letters.lua, stored-sequence.lua, foreign-values.lua of core
-- KEYS[1] the pending values by id
-- KEYS[2] the stream of the partition
-- KEYS[3] the dead letters
-- KEYS[4] the dead letter states by id
-- KEYS[5] the positions of replayed writes by sequence
-- ARGV[1] the id
-- ARGV[2] the sequence of the write, or '' for the last write of the id
-- returns {sequence, state}: the sequence is '' if the write was flushed before; the state is
--   'flushed', 'waiting' or 'dead'
-- cost: O(log n) in the dead letters

local sequence = ARGV[2]
if sequence == '' then
  local pending = sequence_of(redis.call('HGET', KEYS[1], ARGV[1]))
  if pending then return {string.format('%.0f', pending), 'waiting'} end
  local _, dead = dead_letter_state(KEYS[4], ARGV[1])
  if dead > 0 then return {string.format('%.0f', dead), 'dead'} end
  return {'', 'flushed'}
end
if redis.call('ZCOUNT', KEYS[3], sequence, sequence) > 0 then return {sequence, 'dead'} end
local position = sequence .. '-0'
local is_waiting = redis.call('HEXISTS', KEYS[5], sequence) == 1
  or #redis.call('XRANGE', KEYS[2], position, position) > 0
return {sequence, is_waiting and 'waiting' or 'flushed'}
