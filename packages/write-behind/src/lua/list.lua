-- Lists dead letters, those with the lowest sequences first.
-- KEYS[1] the dead letters
-- ARGV[1] from this sequence  ARGV[2] to this one  ARGV[3] how many at most
-- returns the fields of each
-- cost: O(log n) in the dead letters, and O(m) in what it returns

local letters = {}
for _, packed in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  letters[#letters + 1] = open_letter(KEYS[1], packed)
end
return letters
