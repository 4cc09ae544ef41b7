-- Shared by the scripts that put writes into a stream; put before them.
-- needs foreign-values.lua of core A write's place in the stream is its sequence: the clock's microseconds,
-- or one more than the last one where that is not more. So it grows for ever, also after a server
-- came back empty, and where the clock was set back.

local lasts, clock = {}, nil
local LATEST = 9e15 -- of the year 2255: what comes later was not put there by us

local function last_of(stream)
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return tonumber(info[i + 1]:match('^%d+')) end
  end
end

-- So that nothing which is not ours keeps the stream from growing.
local function drop_foreign(stream)
  for _, entry in ipairs(redis.call('XRANGE', stream, string.format('%.0f', LATEST), '+')) do redis.call('XDEL', stream, entry[1]) end
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  redis.call('XSETID', stream, last and last[1] or '0-1')
  reportForeignValue(stream, 'positions that no clock has given')
end

local function append(stream, ...)
  local sequence
  if lasts[stream] then
    sequence = lasts[stream] + 1
  else
    clock = clock or redis.call('TIME')
    sequence = clock[1] * 1000000 + clock[2]
  end
  local done = redis.pcall('XADD', stream, string.format('%.0f-0', sequence), ...)
  if type(done) == 'table' and done.err then
    local isPast = done.err:find('equal or smaller', 1, true) or done.err:find('exhausted', 1, true)
    if not isPast then error(done) end
    sequence = last_of(stream) + 1
    if sequence > LATEST then
      drop_foreign(stream)
      sequence = last_of(stream) + 1
    end
    redis.call('XADD', stream, string.format('%.0f-0', sequence), ...)
  end
  lasts[stream] = sequence
  return sequence
end
