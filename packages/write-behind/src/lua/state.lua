-- Tells how far a write has come.
-- KEYS[1] the partition's pending values  KEYS[2] its stream  KEYS[3] its dead letters  KEYS[4]
-- what is buried of each id  KEYS[5] where replayed writes are
-- ARGV[1] id  ARGV[2] the write's sequence, or '': that of the id's last write
-- returns {its sequence, or '' if it was flushed before; 'flushed', 'waiting' or 'dead'}
-- cost: O(log n) in the dead letters

local target = ARGV[2]
if target == '' then
  local last = sequence_of(redis.call('HGET', KEYS[1], ARGV[1]))
  if last then return {string.format('%.0f', last), 'waiting'} end
  local _, dead = buried_of(KEYS[4], ARGV[1])
  if dead > 0 then return {string.format('%.0f', dead), 'dead'} end
  return {'', 'flushed'}
end
if redis.call('ZCOUNT', KEYS[3], target, target) > 0 then return {target, 'dead'} end
if redis.call('HEXISTS', KEYS[5], target) == 1 or #redis.call('XRANGE', KEYS[2], target .. '-0', target .. '-0') > 0 then return {target, 'waiting'} end
return {target, 'flushed'}
