-- Creates the log unless it exists. From now on, scripts append their messages to it.
-- KEYS[1] the log, a stream
-- returns the id of its last entry
-- cost: O(1)

local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return last and last[1] or redis.call('XADD', KEYS[1], '*', 'opened', '1')
