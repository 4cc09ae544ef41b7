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
-- ARGV[12] and on: for each write
--   its id, after a letter for its type and a colon; its payload; the ttl of its entry, ms;
--   for a patch, the lease that it depends on and the patch
-- returns one letter for each write:
--   'S': it is stored
--   'F': the queue is full; it was not written
--   'O': it was overtaken by a write that came after its lease was taken; it was not written
-- or for all of them:
--   'closed': there is no such session; nothing was written
--   'over': the writer gave this attempt up; nothing was written
-- cost: O(n) in the writes, and O(n) in the attempts that have ended

local stream, pending, session, kinds, flags = KEYS[1], KEYS[2], KEYS[3], ARGV[10], ARGV[11]
local earlier_outcome = outcome_of(session, ARGV[5])
if earlier_outcome then return earlier_outcome end

-- Everything that fails on a foreign type is read before anything is written.
redis.call('HEXISTS', pending, '')
local room = tonumber(ARGV[9]) - redis.call('XLEN', stream)
local holders = {}
for i = 1, #kinds do
  if kinds:sub(i, i) == 'p' then holders[KEYS[2 * i + 3]] = redis.call('GET', KEYS[2 * i + 3]) end
end

-- XADD is the first command that writes. A full server refuses it, so nothing is written.
local outcomes, values, leases = {}, {}, {}
local position = 12
for i = 1, #kinds do
  local kind, lease = kinds:sub(i, i), KEYS[2 * i + 3]
  local id, payload, ttl = ARGV[position], ARGV[position + 1], ARGV[position + 2]
  local needed, patch
  position = position + 3
  if kind == 'p' then
    needed, patch = ARGV[position], ARGV[position + 1]
    position = position + 2
  end
  if needed and holders[lease] ~= needed then
    outcomes[i] = 'O'
  elseif room <= 0 then
    outcomes[i] = 'F'
  else
    local frame_flags = flags:sub(i, i)
    local unversioned = framed(frame_flags, 0, payload)
    local sequence
    if kind == 'w' then
      sequence = append(stream, id, unversioned)
    elseif kind == 'd' then
      sequence = append(stream, id, unversioned, 'kind', 'delete')
    else
      sequence = append(stream, id, unversioned, 'patch', patch)
    end
    local value = framed(frame_flags, sequence, payload)
    redis.call('SET', KEYS[2 * i + 2], value, 'PX', ttl)
    values[#values + 1] = id:sub(3)
    values[#values + 1] = value
    leases[#leases + 1] = lease
    holders[lease] = false
    room = room - 1
    outcomes[i] = 'S'
  end
end
if #leases > 0 then
  redis.call('HSET', pending, unpack(values))
  redis.call('DEL', unpack(leases))
end
return record_outcome(session, ARGV[5], ARGV[6], ARGV[7], ARGV[8], table.concat(outcomes))
