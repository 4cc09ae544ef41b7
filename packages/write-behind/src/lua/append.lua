-- Functions for the scripts that append to a stream.
-- needs foreign-values.lua and time.lua of core
-- The sequence of a write is its position in the stream. It is the server's clock in microseconds,
-- or one more than the last sequence if that is not less. So sequences always grow, even if the
-- server comes back empty or its clock is set back.

local last_sequences = {}
-- In microseconds, the year 2255. A later position was not written by this package.
local LATEST = 9e15

local function last_sequence_of(stream)
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return tonumber(info[i + 1]:match('^%d+')) end
  end
end

-- Deletes entries after LATEST, so that foreign entries do not keep the stream from growing.
local function drop_foreign_entries(stream)
  local foreign_entries = redis.call('XRANGE', stream, string.format('%.0f', LATEST), '+')
  for _, entry in ipairs(foreign_entries) do redis.call('XDEL', stream, entry[1]) end
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  redis.call('XSETID', stream, last and last[1] or '0-1')
  reportForeignValue(stream, 'positions that no clock has given')
end

-- Returns the sequence of the next entry, as far as it is known without asking for the last one.
local function next_sequence(stream)
  local last = last_sequences[stream]
  return last and last + 1 or microseconds()
end

-- Appends an entry: an id, the value that `value_at` returns for its sequence, and further fields.
-- Returns the sequence.
local function append(stream, id, value_at, ...)
  local sequence = next_sequence(stream)
  local position = string.format('%d-0', sequence)
  local reply = redis.pcall('XADD', stream, position, id, value_at(sequence), ...)
  if type(reply) == 'table' and reply.err then
    local is_past = reply.err:find('equal or smaller', 1, true)
      or reply.err:find('exhausted', 1, true)
    if not is_past then error(reply) end
    sequence = last_sequence_of(stream) + 1
    if sequence > LATEST then
      drop_foreign_entries(stream)
      sequence = last_sequence_of(stream) + 1
    end
    redis.call('XADD', stream, string.format('%d-0', sequence), id, value_at(sequence), ...)
  end
  last_sequences[stream] = sequence
  return sequence
end
