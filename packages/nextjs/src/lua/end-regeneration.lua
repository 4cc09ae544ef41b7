-- Gives back the right to regenerate a page.
-- KEYS[1] the holder of the right
-- ARGV[1] the token of the holder
-- ARGV[2] for how many ms nobody gets the right, because the page could not be rendered; or 0
-- returns 1 if the process was the holder, otherwise 0
-- cost: O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], 'failed', 'PX', ARGV[2])
end
return 1
