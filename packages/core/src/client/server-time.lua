-- Returns the server's time.
-- KEYS[1] a key on that server
-- returns µs
-- cost: O(1)
-- needs time.lua

return microseconds()
