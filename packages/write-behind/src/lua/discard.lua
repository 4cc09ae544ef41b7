-- Forgets a dead letter.
-- KEYS[1] the dead letters  KEYS[2] what is buried of each id  KEYS[3] the session of who asks
-- ARGV[1] attempt  ARGV[2] the lowest attempt that is not over  ARGV[3] those above it that are
-- ARGV[4] the session's ttl, ms
-- ARGV[5] the letter's sequence
-- returns 'done', or 'none' if there is none; 'closed' or 'over', as write.lua
-- cost: O(log n) in the dead letters, and O(n) in the attempts that are over

local known = outcome_of(KEYS[3], ARGV[1])
if known then return known end -- it was done, and its reply was lost; or it is not to be done
local outcome = take_letter(KEYS[1], KEYS[2], ARGV[5], false) and 'done' or 'none'
return note_outcome(KEYS[3], ARGV[1], ARGV[2], ARGV[3], ARGV[4], outcome)
