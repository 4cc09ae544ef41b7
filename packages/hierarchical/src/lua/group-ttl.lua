-- Returns how long a group still exists.
-- KEYS[1] the group
-- returns ms; -1 if it does not expire, -2 if it does not exist
-- cost: O(1)

return redis.call('PTTL', KEYS[1])
