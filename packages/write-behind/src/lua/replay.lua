-- Puts a dead letter back into the queue, with the sequence it had: a database that already has a newer write leaves it aside.
-- KEYS[1] the dead letters  KEYS[2] the partition's stream  KEYS[3] what became of writes
-- ARGV[1] the letter
-- returns 1, or 0 if there is none
-- cost: O(1)

local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return 0 end
local id, kept = letter[2][1], {letter[2][1], letter[2][2]}
for i = 3, #letter[2], 2 do
  local name, value = letter[2][i], letter[2][i + 1]
  if name ~= 'error' and name ~= 'attempts' and name ~= 'at' then
    kept[#kept + 1] = name
    kept[#kept + 1] = value
  end
end
append(KEYS[2], unpack(kept))
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[3], id:sub(3))
return 1
