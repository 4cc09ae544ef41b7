-- Deletes an entry that can't be read, unless another has come in its place: its version must keep
-- nothing out.
-- KEYS[1] the entry
-- ARGV[1] the SHA-1 of what was read
-- returns 1 if it was deleted, else 0
-- cost: O(size of the entry)

local value = redis.pcall('GET', KEYS[1])
return type(value) == 'string' and redis.sha1hex(value) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0
