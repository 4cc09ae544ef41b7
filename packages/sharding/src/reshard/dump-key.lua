-- Reads a key from its old shard so that it can be moved.
-- KEYS[1] the key
-- KEYS[2] the marker that the key is used on another shard
-- ARGV[1] new ttl of the marker in ms, if there is one
-- returns {remaining ttl of the key in ms (-1: it does not expire), its serialized value (nil: it
-- does not exist), 1 if there is a marker (else 0)}
-- cost: O(size of the value)

-- The first command is a write. A demoted primary refuses it, because its data may be outdated.
local marked = redis.call('PEXPIRE', KEYS[2], ARGV[1])
return {redis.call('PTTL', KEYS[1]), redis.call('DUMP', KEYS[1]), marked}
