-- Tells how far the writes of an id have come.
-- KEYS[1] the partition's pending values  KEYS[2] what became of them
-- ARGV[1] id
-- returns {the sequence of its last pending write or '', the sequence up to which the database has it or '' ('!…': up to which it is a dead letter)}
-- cost: O(1)

local pending = redis.call('HGET', KEYS[1], ARGV[1])
local last = pending and string.format('%.0f', struct.unpack('>d', pending:sub(3, 10))) or ''
return {last, redis.call('HGET', KEYS[2], ARGV[1]) or ''}
