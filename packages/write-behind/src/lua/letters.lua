-- Shared by the scripts that change dead letters; put before them.
-- needs foreign-values.lua of core
-- The dead letters of a partition are a sorted set, by their sequence; each is its fields, packed.
-- Of an id that has dead letters `buried` keeps three numbers:
--   how many there are; a replayed one counts until the database has it
--   the sequence of the id's last write where that is a dead letter, else 0
--   the highest sequence that the database has had since, else 0

local function buried_of(buried, id)
  local count, last, flushed = (redis.call('HGET', buried, id) or '0 0 0'):match('^(%d+) (%d+) (%d+)$')
  return wholeNumber(count) or 0, wholeNumber(last) or 0, wholeNumber(flushed) or 0
end

local function note_buried(buried, id, count, last, flushed)
  if count <= 0 then
    redis.call('HDEL', buried, id)
  else
    redis.call('HSET', buried, id, string.format('%.0f %.0f %.0f', count, last, flushed))
  end
end

-- The fields of a letter; nil where they are none: then it was not put there by us, and is taken
-- out.
local function open_letter(dead, packed)
  local done, fields = pcall(cmsgpack.unpack, packed)
  local ours = done and type(fields) == 'table' and #fields >= 2 and #fields % 2 == 0
  for i = 1, ours and #fields or 0 do ours = ours and type(fields[i]) == 'string' end
  if ours and fields[1]:match('^[ns]:.') then return fields end
  redis.call('ZREM', dead, packed)
  reportForeignValue(dead, 'no dead letter')
end

-- Takes a letter out, and counts it no longer unless it is replayed. Returns its fields, and the
-- highest sequence that the database has had since; or nothing, if there is none.
local function take_letter(dead, buried, sequence, is_replayed)
  local packed = redis.call('ZRANGEBYSCORE', dead, sequence, sequence)[1]
  if not packed then return nil end
  local fields = open_letter(dead, packed)
  if not fields then return nil end
  redis.call('ZREM', dead, packed)
  local id = fields[1]:sub(3)
  local count, last, flushed = buried_of(buried, id)
  note_buried(buried, id, is_replayed and count or count - 1, last == tonumber(sequence) and 0 or last, flushed)
  return fields, flushed
end
