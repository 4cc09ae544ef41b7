-- Ends attempts whose outcome their writer does not know: one that arrives later is refused. A full
-- server does it too.
-- KEYS[1] the session
-- ARGV[1] the lowest attempt that is not over
-- ARGV[2] those above it that are, with blanks between them
-- returns 1, or 0: there is no such session
-- cost: O(n) in the attempts that are over

if not wholeNumber(redis.call('HGET', KEYS[1], 'floor')) then return 0 end
end_attempts(KEYS[1], ARGV[1], ARGV[2])
return 1
