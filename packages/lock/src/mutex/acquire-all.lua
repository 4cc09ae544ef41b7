-- Takes all of several locks that are free and that nobody waits for, or none of them.
-- KEYS four for each lock, as of acquire
-- ARGV[1] token  ARGV[2] ttl, ms  ARGV[3] about the holder  ARGV[4] ms for which the fences are remembered
-- returns a fence for each lock, or nil
-- cost: O(n) in the locks

for i = 1, #KEYS, 4 do
  local value = command('GET', KEYS[i])
  if not isMine(value, ARGV[1]) and (value or command('EXISTS', KEYS[i + 2]) == 1) then return nil end
end
local fences = {}
for i = 1, #KEYS, 4 do
  local value = command('GET', KEYS[i])
  local fence = value and string.match(value, ' (%d+)') or nextFence(KEYS[i + 1], ARGV[4])
  command('SET', KEYS[i], value or (ARGV[1] .. ' ' .. fence .. ' ' .. whole(milliseconds()) .. ' ' .. ARGV[3]), 'PX', ARGV[2])
  fences[#fences + 1] = fence
end
return fences
