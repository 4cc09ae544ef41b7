-- Reads a key in its old place, to be moved.
-- KEYS[1] the key  KEYS[2] the note that it is used elsewhere
-- ARGV[1] ms for which the note stays, if there is one
-- returns the ms it has left to live (-1: it does not expire), what DUMP gives (nil: there is
-- none), 1 if there is a note, else 0
-- cost: O(size of the value) The first step is a write: a primary that has been demoted refuses it,
-- since what it holds may be old.

local moved = redis.call('PEXPIRE', KEYS[2], ARGV[1])
return {redis.call('PTTL', KEYS[1]), redis.call('DUMP', KEYS[1]), moved}
