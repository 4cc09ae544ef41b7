-- Blocks an id, or ends its block. The latest call counts. It is safe to repeat.
-- KEYS[1] the block (block.lua)
-- ARGV[1] the duration of the block, µs; 0 ends it
-- returns 1
-- cost: O(1)
-- needs common.lua

local duration = tonumber(ARGV[1])
if duration > 0 then
  local state = format('%.0f %.0f', now + duration, duration)
  command('SET', KEYS[1], state, 'PX', ttlUntil(now + duration))
else
  command('DEL', KEYS[1])
end
return 1
