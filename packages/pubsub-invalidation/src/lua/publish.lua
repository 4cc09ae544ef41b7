-- Publishes a message, and appends it to the log if there is one. If the log can't be appended to
-- (out of memory), it is deleted, so that no process catches up from it and misses this message.
-- KEYS[1] the log, a stream
-- ARGV[1] channel
-- ARGV[2] message, a JSON object
-- returns the number of subscribers that received the message
-- cost: O(subscribers)

local message = ARGV[2]
local at = redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', 'MAXLEN', '~', 10000, '*', 'm', message)
if type(at) == 'table' and redis.call('TYPE', KEYS[1]).ok == 'stream' then
  redis.call('DEL', KEYS[1])
end
if type(at) == 'string' then
  message = message:sub(1, -2) .. ',"at":"' .. at .. '"}'
end
return redis.call('PUBLISH', ARGV[1], message)
