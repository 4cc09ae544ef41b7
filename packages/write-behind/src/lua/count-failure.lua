-- Counts a failed attempt to flush the writes of an id, for the owner of the partition. A failure
-- counts once, even if the request is repeated after a lost reply or arrives late.
-- KEYS[1] the owner of the partition
-- KEYS[2] the failed attempts by id
-- KEYS[3] the last failure that this owner has counted, and the count at that time
-- ARGV[1] the token of the worker
-- ARGV[2] the id
-- ARGV[3] the number of the failure, which grows
-- ARGV[4] how long KEYS[3] is kept, ms
-- returns the number of failed attempts, or 'lost' if the partition has another owner
-- cost: O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local last, count = (redis.call('GET', KEYS[3]) or ''):match('^(%d+) (%d+)$')
if last and tonumber(ARGV[3]) <= tonumber(last) then return tonumber(count) end
-- DEL comes first: a full server refuses HINCRBY and SET only in a script that has not written yet.
redis.call('DEL', KEYS[3])
count = redis.pcall('HINCRBY', KEYS[2], ARGV[2], 1)
if type(count) ~= 'number' then -- the field held something other than a number
  count = 1
  redis.call('HSET', KEYS[2], ARGV[2], '1')
end
redis.call('SET', KEYS[3], ARGV[3] .. ' ' .. count, 'PX', ARGV[4])
return count
