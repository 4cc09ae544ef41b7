-- Takes a partition that has no owner, or goes on owning it.
-- KEYS[1] the partition's owner  KEYS[2] its fence
-- ARGV[1] the worker's token  ARGV[2] ttl, ms
-- returns the fence as text, which grows with every change of owner; '' if another owns it
-- cost: O(1)

local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return '' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local fence = redis.call('GET', KEYS[2])
if owner and fence then return fence end

local time = redis.call('TIME')
local text = string.format('%.0f', math.max(tonumber(fence or 0) + 1, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[2], text)
return text
