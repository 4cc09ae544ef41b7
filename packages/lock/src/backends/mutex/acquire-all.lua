-- Takes all of several locks that are free and that nobody waits for, or none of them; asked again
-- with the same token, finds its own. A token that has left, or was refused, gets nothing any more.
-- KEYS five for each lock, as of acquire
-- ARGV[1] token  ARGV[2] number of the step  ARGV[3] ttl, ms  ARGV[4] about the holder
-- returns a fence for each lock, or nil
-- cost: O(n) in the locks

local fences, last, busy = {}, {}, false
for i = 1, #KEYS, 5 do
  local value, known = command('GET', KEYS[i]), command('MGET', KEYS[i + 1], KEYS[i + 2])
  last[i] = known[1]
  if known[2] then return nil end
  if isMine(value, ARGV[1]) then
    fences[#fences + 1] = string.match(value, ' (%d+)')
  elseif value or command('EXISTS', KEYS[i + 3]) == 1 then
    busy = true
  end
end
if #fences > 0 then return 5 * #fences == #KEYS and fences or nil end
if busy then
  for i = 3, #KEYS, 5 do refuse(KEYS[i]) end
  return nil
end
for i = 1, #KEYS, 5 do
  local fence = nextFence(KEYS[i + 1], last[i])
  take(KEYS[i], ARGV[1], fence, ARGV[2], ARGV[3], ARGV[4])
  fences[#fences + 1] = fence
end
return fences
