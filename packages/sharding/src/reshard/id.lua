-- Tells by what a change is known.
-- KEYS[1] the register of what comes after some shards
-- returns its id; '' where the register says none, nil where there is no register
-- cost: O(1)
-- needs own.lua

own(KEYS[1], 'hash')
if redis.call('EXISTS', KEYS[1]) == 0 then return nil end
return redis.call('HGET', KEYS[1], 'id') or ''
