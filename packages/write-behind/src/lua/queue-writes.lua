-- Accepts writes of one partition, in their order. Appends each to the queue, keeps its value until
-- the database has it, and stores the value in the cached entry. What is the same for all of them
-- is done once.
-- needs append.lua, session.lua, stored-sequence.lua, foreign-values.lua of core
-- KEYS[1] the stream of the partition
-- KEYS[2] the pending values by id
-- KEYS[3] the session of the writer
-- KEYS[4] and on: the entry and the lease of each write (defineBulkChange of core)
-- ARGV[1] to ARGV[4]: of defineBulkChange
-- ARGV[5] the attempt
-- ARGV[6] floor: the lowest attempt that is still open
-- ARGV[7] the abandoned attempts above it, separated by spaces
-- ARGV[8] the ttl of the session, ms
-- ARGV[9] the maximum number of pending writes
-- ARGV[10] the kind of each write, one letter each: w(rite), d(elete), p(atch)
-- ARGV[11] the flags of the frame of each write, one character each
-- ARGV[12] for each write two lines: its id, after a letter for its type and a colon; the ttl of
--   its entry, ms
-- ARGV[13] and on: the payload of each write; for a patch, the lease that it depends on and the
--   patch follow
-- returns one letter for each write:
--   'S': it is stored
--   'F': the queue is full; it was not written
--   'O': it was overtaken by a write that came after its lease was taken; it was not written
-- or for all of them:
--   'closed': there is no such session; nothing was written
--   'over': the writer gave this attempt up; nothing was written
-- cost: O(n) in the writes, and O(n) in the attempts that have ended

local stream, pending, session, kinds, flags = KEYS[1], KEYS[2], KEYS[3], ARGV[10], ARGV[11]
local earlier_outcome, floor = outcome_of(session, ARGV[5])
if earlier_outcome then return earlier_outcome end

-- Everything that fails on a foreign type is read before anything is written.
redis.call('HEXISTS', pending, '')
local room = tonumber(ARGV[9]) - redis.call('XLEN', stream)
local has_patches, holders = kinds:find('p', 1, true), {}
if has_patches then
  for i = 1, #kinds do
    local lease = KEYS[2 * i + 3]
    if kinds:sub(i, i) == 'p' then holders[lease] = redis.call('GET', lease) end
  end
end

-- The value of a write is made only once, because Lua hashes each byte of a new string.
local frame_flags, payload, value
local function value_at(sequence)
  value = framed(frame_flags, sequence, payload)
  return value
end

-- XADD is the first command that writes. A full server refuses it, so nothing is written.
local outcomes, values, leases, stored = {}, {}, {}, 0
local next_line, position = ARGV[12]:gmatch('[^\n]+'), 13
for i = 1, #kinds do
  local kind, lease = kinds:sub(i, i), KEYS[2 * i + 3]
  local id, ttl = next_line(), next_line()
  local needed, patch
  payload, position = ARGV[position], position + 1
  if kind == 'p' then
    needed, patch = ARGV[position], ARGV[position + 1]
    position = position + 2
  end
  if needed and holders[lease] ~= needed then
    outcomes[i] = 'O'
  elseif room <= stored then
    outcomes[i] = 'F'
  else
    frame_flags = flags:sub(i, i)
    if kind == 'w' then
      append(stream, id, value_at)
    elseif kind == 'd' then
      append(stream, id, value_at, 'kind', 'delete')
    else
      append(stream, id, value_at, 'patch', patch)
    end
    redis.call('SET', KEYS[2 * i + 2], value, 'PX', ttl)
    stored = stored + 1
    values[2 * stored - 1] = id:sub(3)
    values[2 * stored] = value
    leases[stored] = lease
    if has_patches then holders[lease] = false end
    outcomes[i] = 'S'
  end
end
if stored > 0 then
  redis.call('HSET', pending, unpack(values))
  redis.call('DEL', unpack(leases))
end
return record_outcome(session, floor, ARGV[5], ARGV[6], ARGV[7], ARGV[8], table.concat(outcomes))
