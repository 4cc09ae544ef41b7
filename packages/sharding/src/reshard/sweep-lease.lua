-- Acquires or renews the lease of the process that moves the remaining keys.
-- KEYS[1] the lease
-- ARGV[1] the new token, different in each call
-- ARGV[2] ttl of the lease in ms
-- ARGV[3] the token that may be replaced; '*': any
-- returns nil, or the token of the process that holds the lease
-- cost: O(1)
-- needs register-helpers.lua

deleteIfWrongType(KEYS[1], 'string')
local token = redis.call('GET', KEYS[1])
-- A token of another form was not written by this package.
if token and not token:match('^[%w_.%-]+$') then
  token = false
end
if token and token ~= ARGV[3] and ARGV[3] ~= '*' then
  return token
end
-- A full server refuses only the first write of a script that needs memory. DEL needs none.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
