-- Acquires a partition that has no owner, or whose owner is known to be dead.
-- needs foreign-values.lua and time.lua of core
-- KEYS[1] the owner of the partition
-- KEYS[2] the fence of the partition
-- KEYS[3] the mark that this attempt was given up
-- ARGV[1] the token of the attempt
-- ARGV[2] the ttl of the ownership, ms
-- ARGV[3] the token of the dead owner, or ''
-- returns {fence, owner}: the fence as text, which grows with every change of owner, or '' if the
--   partition was not acquired; and the token of the present owner, or ''
-- cost: O(1)

if redis.call('EXISTS', KEYS[3]) == 1 then return {'', ''} end
local owner = redis.call('GET', KEYS[1])
local last_fence = wholeNumber(redis.call('GET', KEYS[2]))
-- The attempt already succeeded, and its reply was lost.
if owner == ARGV[1] and last_fence then return {string.format('%.0f', last_fence), owner} end
if owner and not owner:match('^[%w_.%-]+/%d+$') then
  reportForeignValue(KEYS[1], 'no token of a worker')
  owner = false
end
if owner and owner ~= ARGV[3] then return {'', owner} end

-- DEL comes first: a full server refuses SET only in a script that has not written yet.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local next_fence = last_fence and last_fence < 9e15 and last_fence + 1 or 0
local fence = string.format('%.0f', math.max(next_fence, microseconds()))
redis.call('SET', KEYS[2], fence)
return {fence, ARGV[1]}
