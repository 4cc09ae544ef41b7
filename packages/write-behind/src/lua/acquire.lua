-- Takes a partition that has no owner, or one whose owner is known to be dead.
-- KEYS[1] the partition's owner  KEYS[2] its fence  KEYS[3] a mark: this attempt was given up
-- ARGV[1] the attempt's token  ARGV[2] ttl, ms  ARGV[3] the dead owner, or ''
-- returns {fence as text, which grows with every change of owner, or '' if it was not acquired; its
-- owner}
-- cost: O(1)
-- needs foreign-values.lua of core

if redis.call('EXISTS', KEYS[3]) == 1 then return {'', ''} end
local owner, last = redis.call('GET', KEYS[1]), wholeNumber(redis.call('GET', KEYS[2]))
-- asked again after a lost reply
if owner == ARGV[1] and last then return {string.format('%.0f', last), owner} end
if owner and not owner:match('^[%w_.%-]+/%d+$') then -- no worker's
  reportForeignValue(KEYS[1], 'no token of a worker')
  owner = false
end
if owner and owner ~= ARGV[3] then return {'', owner} end

-- DEL comes first: a full server refuses SET only in a script that has not written yet.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local time = redis.call('TIME')
local fence = string.format('%.0f', math.max(last and last < 9e15 and last + 1 or 0, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[2], fence)
return {fence, ARGV[1]}
