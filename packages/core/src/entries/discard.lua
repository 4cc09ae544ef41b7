-- Deletes an entry that can't be decoded, unless another value has replaced it. Otherwise its
-- version could keep later writes out.
-- KEYS[1] the entry
-- ARGV[1] the SHA-1 of the value that was read
-- returns 1 if it was deleted, else 0
-- cost: O(size of the entry)

local value = redis.pcall('GET', KEYS[1])
local isSame = type(value) == 'string' and redis.sha1hex(value) == ARGV[1]
return isSame and redis.call('DEL', KEYS[1]) or 0
