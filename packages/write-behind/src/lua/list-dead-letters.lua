-- Lists dead letters, starting with the lowest sequence.
-- needs dead-letters.lua, foreign-values.lua of core
-- KEYS[1] the dead letters
-- ARGV[1] the lowest sequence
-- ARGV[2] the highest sequence
-- ARGV[3] the maximum number of dead letters
-- returns the fields of each
-- cost: O(log n) in the dead letters, and O(m) in those returned

local letters = {}
local members = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
for _, packed in ipairs(members) do letters[#letters + 1] = unpack_dead_letter(KEYS[1], packed) end
return letters
