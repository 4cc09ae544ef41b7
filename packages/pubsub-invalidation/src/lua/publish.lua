-- Publishes a message, and appends it to the log if there is one. A log that can't take it (out of
-- memory) is given up, so that nobody catches up from it without that.
-- KEYS[1] the log, a stream
-- ARGV[1] channel  ARGV[2] message, a JSON object
-- returns how many subscribers heard it
-- cost: O(subscribers)

local message = ARGV[2]
local at = redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', 'MAXLEN', '~', 10000, '*', 'm', message)
if type(at) == 'table' and redis.call('TYPE', KEYS[1]).ok == 'stream' then redis.call('DEL', KEYS[1]) end
if type(at) == 'string' then message = message:sub(1, -2) .. ',"at":"' .. at .. '"}' end
return redis.call('PUBLISH', ARGV[1], message)
