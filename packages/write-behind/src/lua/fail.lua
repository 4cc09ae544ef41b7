-- Counts a failed attempt at an id's writes, for the partition's owner: once, also where it is
-- asked again after a lost reply, or arrives late.
-- KEYS[1] the partition's owner  KEYS[2] failed attempts
-- KEYS[3] the failure that this owner counted last, and how many there were then
-- ARGV[1] the worker's token  ARGV[2] id  ARGV[3] the failure's number, which grows
-- ARGV[4] how long the last one is remembered, ms
-- returns how many there were, or 'lost': it has another owner
-- cost: O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lost' end
local last, count = (redis.call('GET', KEYS[3]) or ''):match('^(%d+) (%d+)$')
if last and tonumber(ARGV[3]) <= tonumber(last) then return tonumber(count) end
-- a full server refuses what adds only in a script that has not written yet
redis.call('DEL', KEYS[3])
count = redis.pcall('HINCRBY', KEYS[2], ARGV[2], 1)
if type(count) ~= 'number' then -- what was there was no number
  count = 1
  redis.call('HSET', KEYS[2], ARGV[2], '1')
end
redis.call('SET', KEYS[3], ARGV[3] .. ' ' .. count, 'PX', ARGV[4])
return count
