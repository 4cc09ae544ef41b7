-- Deletes a dead letter.
-- needs session.lua, dead-letters.lua, foreign-values.lua of core
-- KEYS[1] the dead letters
-- KEYS[2] the dead letter states by id
-- KEYS[3] the session of the caller
-- ARGV[1] the attempt
-- ARGV[2] floor: the lowest attempt that is still open
-- ARGV[3] the abandoned attempts above it, separated by spaces
-- ARGV[4] the ttl of the session, ms
-- ARGV[5] the sequence of the dead letter
-- returns 'done'; 'none' if there is no such dead letter; 'closed' or 'over' like queue-writes.lua
-- cost: O(log n) in the dead letters, and O(n) in the attempts that have ended

local earlier_outcome, floor = outcome_of(KEYS[3], ARGV[1])
if earlier_outcome then return earlier_outcome end
local is_taken = take_dead_letter(KEYS[1], KEYS[2], ARGV[5], false)
local outcome = is_taken and 'done' or 'none'
return record_outcome(KEYS[3], floor, ARGV[1], ARGV[2], ARGV[3], ARGV[4], outcome)
