-- Collects announcements of changed entries. Put before every script that changes entries;
-- publish-announcements.lua publishes them after its last call.
--
-- All calls of one script are announced in one message per sender, without duplicate keys. The
-- message has the sequence number and the id of the first call (`nth` is '<number> <id>'). If the
-- next key would make it too long, the message is published first, and a new one begins.
--
-- The log, if there is one, is a stream that is read after a gap. A script appends to it, but never
-- creates it. A log that can't take a message (out of memory) is deleted, so that nobody catches up
-- from a log that lacks the message.

local announcements, senders = {}, {}

local function publish(announcement)
  local message = {
    v = 1,
    from = announcement.from,
    nth = announcement.nth,
    id = announcement.id,
    keys = announcement.keys,
  }
  local log = announcement.log
  if log then
    local encoded = cjson.encode(message)
    local added = redis.pcall('XADD', log, 'NOMKSTREAM', 'MAXLEN', '~', 10000, '*', 'm', encoded)
    if type(added) == 'string' then message.at = added end
    if type(added) == 'table' and redis.call('TYPE', log).ok == 'stream' then
      redis.call('DEL', log)
    end
  end
  redis.call('PUBLISH', announcement.channel, cjson.encode(message))
end

local function announce(key, channel, from, nth, log)
  if not channel then return end
  local sender = channel .. ' ' .. from
  local announcement = announcements[sender]
  if announcement and not announcement.known[key] and announcement.bytes + #key > 65536 then
    publish(announcement)
    announcement = nil
  end
  if not announcement then
    if not announcements[sender] then senders[#senders + 1] = sender end
    local number, id = nth:match('^(%d+) ?(.*)$')
    announcement = {
      channel = channel,
      from = from,
      nth = tonumber(number),
      id = id ~= '' and id or nil,
      log = log,
      keys = {},
      known = {},
      bytes = 0,
    }
    announcements[sender] = announcement
  end
  if announcement.known[key] then return end
  announcement.known[key] = true
  announcement.keys[#announcement.keys + 1] = key
  announcement.bytes = announcement.bytes + #key
end
