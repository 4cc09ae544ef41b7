-- Publishes a message, and appends it to the log if there is one.
-- KEYS[1] the log, a stream
-- ARGV[1] channel  ARGV[2] message, a JSON object
-- returns how many subscribers heard it
-- cost: O(subscribers)

local message = ARGV[2]
local at = redis.call('XADD', KEYS[1], 'NOMKSTREAM', 'MAXLEN', '~', 10000, '*', 'm', message)
if at then message = message:sub(1, -2) .. ',"at":"' .. at .. '"}' end
return redis.call('PUBLISH', ARGV[1], message)
