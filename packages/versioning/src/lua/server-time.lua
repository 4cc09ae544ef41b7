-- Returns the server's time.
-- KEYS[1] a key on that server
-- returns µs
-- cost: O(1)

local time = redis.call('TIME')
return time[1] * 1000000 + time[2]
