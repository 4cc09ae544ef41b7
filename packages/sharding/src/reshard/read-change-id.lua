-- Reads the id of a change.
-- KEYS[1] the register: a hash that says which layout replaces another one
-- returns the id; '' where the register holds none, nil where there is no register
-- cost: O(1)
-- needs register-helpers.lua

deleteIfWrongType(KEYS[1], 'hash')
if redis.call('EXISTS', KEYS[1]) == 0 then
  return nil
end
return redis.call('HGET', KEYS[1], 'id') or ''
