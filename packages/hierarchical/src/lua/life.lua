-- How long a group is still there.
-- KEYS[1] the group
-- returns ms; -1: it does not expire, -2: it is not there
-- cost: O(1)

return redis.call('PTTL', KEYS[1])
