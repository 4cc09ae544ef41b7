-- Puts a dead letter back into the queue, with the sequence it had. If no newer write of its id waits or was flushed since, it is pending again, and the
-- next read finds it.
-- KEYS[1] the entry  KEYS[2] its intents  KEYS[3] its lease  KEYS[4] the dead letters  KEYS[5] what is buried of each id  KEYS[6] the partition's stream
-- KEYS[7] its pending values  KEYS[8] where replayed writes are
-- ARGV[1] the letter's sequence
-- returns 1, or 0 if there is none
-- cost: O(log n) in the dead letters

local letter, flushed = take_letter(KEYS[4], KEYS[5], ARGV[1], true)
if not letter then return 0 end
local id, value, kept, sequence = letter[1]:sub(3), letter[2], {letter[1], letter[2]}, tonumber(ARGV[1])
for i = 3, #letter, 2 do
  local name = letter[i]
  if name ~= 'error' and name ~= 'attempts' and name ~= 'at' then
    kept[#kept + 1] = name
    kept[#kept + 1] = letter[i + 1]
  end
end
redis.call('HSET', KEYS[8], ARGV[1], string.format('%.0f', append(KEYS[6], unpack(kept))))
local pending = sequence_of(redis.call('HGET', KEYS[7], id))
if flushed < sequence and (not pending or pending < sequence) then
  redis.call('HSET', KEYS[7], id, versioned(value, sequence))
  redis.call('DEL', KEYS[1], KEYS[3])
end
return 1
