-- Puts a dead letter back into the queue, with the sequence it had. If no newer write of its id
-- waits or was flushed since, it is pending again, and the next read finds it.
-- KEYS[1] the entry  KEYS[2] its intents  KEYS[3] its lease  KEYS[4] the dead letters  KEYS[5] what
-- is buried of each id  KEYS[6] the partition's stream
-- KEYS[7] its pending values  KEYS[8] where replayed writes are  KEYS[9] the session of who asks
-- ARGV[1] attempt  ARGV[2] the lowest attempt that is not over  ARGV[3] those above it that are
-- ARGV[4] the session's ttl, ms
-- ARGV[5] the letter's sequence
-- returns 'done', or 'none' if there is none; 'closed' or 'over', as write.lua
-- cost: O(log n) in the dead letters, and O(n) in the attempts that are over

local known = outcome_of(KEYS[9], ARGV[1])
if known then return known end -- it was done, and its reply was lost; or it is not to be done
local function came_to(outcome)
  return note_outcome(KEYS[9], ARGV[1], ARGV[2], ARGV[3], ARGV[4], outcome)
end

local letter, flushed = take_letter(KEYS[4], KEYS[5], ARGV[5], true)
if not letter then return came_to('none') end
local id, value, sequence = letter[1]:sub(3), letter[2], tonumber(ARGV[5])
local kept = {letter[1], letter[2]}
for i = 3, #letter, 2 do
  local name = letter[i]
  if name ~= 'error' and name ~= 'attempts' and name ~= 'at' then
    kept[#kept + 1] = name
    kept[#kept + 1] = letter[i + 1]
  end
end
redis.call('HSET', KEYS[8], ARGV[5], string.format('%.0f', append(KEYS[6], unpack(kept))))
local pending = sequence_of(redis.call('HGET', KEYS[7], id))
if flushed < sequence and (not pending or pending < sequence) then
  redis.call('HSET', KEYS[7], id, versioned(value, sequence))
  redis.call('DEL', KEYS[1], KEYS[3])
end
return came_to('done')
