-- Forgets a dead letter.
-- KEYS[1] the dead letters  KEYS[2] what is buried of each id
-- ARGV[1] its sequence
-- returns 1, or 0 if there is none
-- cost: O(log n) in the dead letters

return take_letter(KEYS[1], KEYS[2], ARGV[1], false) and 1 or 0
