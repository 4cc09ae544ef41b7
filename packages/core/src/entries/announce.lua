-- Shared by the scripts that change entries; put before them. What the calls of one script announce
-- leaves as one message for each sender, under the number and the id of the first of them (`nth` is
-- '<number> <id>'), without doubles, and no longer than its limit: a message is sent on the way
-- where the next key would make it longer. A log, where there is one, is a stream that somebody
-- reads after a gap: it is appended to, never made. One that can't take a message (out of memory)
-- is given up, so that nobody catches up from it without that.

local announcements, senders = {}, {}

local function publish(one)
  local message = {v = 1, from = one.from, nth = one.nth, id = one.id, keys = one.keys}
  if one.log then
    local at = redis.pcall('XADD', one.log, 'NOMKSTREAM', 'MAXLEN', '~', 10000, '*', 'm', cjson.encode(message))
    if type(at) == 'string' then message.at = at end
    if type(at) == 'table' and redis.call('TYPE', one.log).ok == 'stream' then redis.call('DEL', one.log) end
  end
  redis.call('PUBLISH', one.channel, cjson.encode(message))
end

local function announce(key, channel, from, nth, log)
  if not channel then return end
  local sender = channel .. ' ' .. from
  local one = announcements[sender]
  if one and not one.known[key] and one.bytes + #key > 65536 then
    publish(one)
    one = nil
  end
  if not one then
    if not announcements[sender] then senders[#senders + 1] = sender end
    local number, id = nth:match('^(%d+) ?(.*)$')
    one = {channel = channel, from = from, nth = tonumber(number), id = id ~= '' and id or nil, log = log, keys = {}, known = {}, bytes = 0}
    announcements[sender] = one
  end
  if one.known[key] then return end
  one.known[key] = true
  one.keys[#one.keys + 1] = key
  one.bytes = one.bytes + #key
end
