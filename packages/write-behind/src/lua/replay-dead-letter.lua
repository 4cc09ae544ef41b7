-- Puts a dead letter back into the queue, with the sequence it had. If no newer write of its id is
-- pending or was flushed since, its value becomes pending again, and the next read returns it.
-- needs append.lua, session.lua, dead-letters.lua, stored-sequence.lua, foreign-values.lua of core
-- KEYS[1] the entry
-- KEYS[2] the intents of the entry
-- KEYS[3] the lease of the entry
-- KEYS[4] the dead letters
-- KEYS[5] the dead letter states by id
-- KEYS[6] the stream of the partition
-- KEYS[7] the pending values by id
-- KEYS[8] the positions of replayed writes by sequence
-- KEYS[9] the session of the caller
-- ARGV[1] the attempt
-- ARGV[2] floor: the lowest attempt that is still open
-- ARGV[3] the abandoned attempts above it, separated by spaces
-- ARGV[4] the ttl of the session, ms
-- ARGV[5] the sequence of the dead letter
-- returns 'done'; 'none' if there is no such dead letter; 'closed' or 'over' like queue-writes.lua
-- cost: O(log n) in the dead letters, and O(n) in the attempts that have ended

local earlier_outcome, floor = outcome_of(KEYS[9], ARGV[1])
if earlier_outcome then return earlier_outcome end
local function finish(outcome)
  return record_outcome(KEYS[9], floor, ARGV[1], ARGV[2], ARGV[3], ARGV[4], outcome)
end

local letter, flushed = take_dead_letter(KEYS[4], KEYS[5], ARGV[5], true)
if not letter then return finish('none') end
local id, value, sequence = letter[1]:sub(3), letter[2], tonumber(ARGV[5])
local function value_at() return value end
local fields = {}
for i = 3, #letter, 2 do
  local name = letter[i]
  if name ~= 'error' and name ~= 'attempts' and name ~= 'at' then
    fields[#fields + 1] = name
    fields[#fields + 1] = letter[i + 1]
  end
end
local position = append(KEYS[6], letter[1], value_at, unpack(fields))
redis.call('HSET', KEYS[8], ARGV[5], string.format('%.0f', position))
local pending = sequence_of(redis.call('HGET', KEYS[7], id))
if flushed < sequence and (not pending or pending < sequence) then
  redis.call('HSET', KEYS[7], id, with_sequence(value, sequence))
  redis.call('DEL', KEYS[1], KEYS[3])
end
return finish('done')
