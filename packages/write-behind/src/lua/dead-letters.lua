-- Functions for the scripts that read or change dead letters.
-- needs foreign-values.lua of core
-- The dead letters of a partition are a sorted set. The score is the sequence. The member is the
-- list of the write's fields, packed with cmsgpack.
-- For each id that has dead letters, a hash keeps its state, which is three numbers:
--   count: its dead letters; a replayed one counts until the database has it
--   last: the sequence of its last write if that is a dead letter, otherwise 0
--   flushed: the highest sequence that the database has received since then, otherwise 0

-- Returns count, last and flushed of an id.
local function dead_letter_state(states, id)
  local state = redis.call('HGET', states, id) or '0 0 0'
  local count, last, flushed = state:match('^(%d+) (%d+) (%d+)$')
  return wholeNumber(count) or 0, wholeNumber(last) or 0, wholeNumber(flushed) or 0
end

local function set_dead_letter_state(states, id, count, last, flushed)
  if count <= 0 then
    redis.call('HDEL', states, id)
  else
    redis.call('HSET', states, id, string.format('%.0f %.0f %.0f', count, last, flushed))
  end
end

-- Returns the fields of a dead letter. Deletes and reports a member that is not a dead letter.
local function unpack_dead_letter(dead_letters, packed)
  local is_unpacked, fields = pcall(cmsgpack.unpack, packed)
  local is_valid = is_unpacked and type(fields) == 'table' and #fields >= 2 and #fields % 2 == 0
  for i = 1, is_valid and #fields or 0 do is_valid = is_valid and type(fields[i]) == 'string' end
  if is_valid and fields[1]:match('^[ns]:.') then return fields end
  redis.call('ZREM', dead_letters, packed)
  reportForeignValue(dead_letters, 'no dead letter')
end

-- Removes a dead letter. It still counts if it is replayed. Returns its fields and the highest
-- sequence that the database has received since then. Returns nil if there is no such dead letter.
local function take_dead_letter(dead_letters, states, sequence, is_replayed)
  local packed = redis.call('ZRANGEBYSCORE', dead_letters, sequence, sequence)[1]
  if not packed then return nil end
  local fields = unpack_dead_letter(dead_letters, packed)
  if not fields then return nil end
  redis.call('ZREM', dead_letters, packed)
  local id = fields[1]:sub(3)
  local count, last, flushed = dead_letter_state(states, id)
  if not is_replayed then count = count - 1 end
  if last == tonumber(sequence) then last = 0 end
  set_dead_letter_state(states, id, count, last, flushed)
  return fields, flushed
end
