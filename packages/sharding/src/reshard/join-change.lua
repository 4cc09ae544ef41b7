-- Joins a change of shards, or begins it. The first process to call this sets the switch time, by
-- this server's clock.
-- KEYS[1] the register: a hash that says which layout replaces the present one
-- ARGV[1] fingerprint of the next layout
-- ARGV[2] ms until the switch, used if the change has not begun; 'look': do not begin it
-- ARGV[3] ms after which the register expires unless a process persists it
-- ARGV[4] id of the change, used if it has not begun
-- ARGV[5] ids of the earlier changes that this one undoes, separated by spaces; used if it has not
-- begun
-- ARGV[6] error bound of the switch time in ms, used if the change has not begun
-- returns {fingerprint of the next layout, switch time, 1 if every key has been moved (else 0), id,
-- ids of the undone changes, error bound in ms, the server's clock}, with times in ms; nil where
-- there is no change
-- cost: O(1)
-- needs register-helpers.lua, time.lua of core

local now = milliseconds()
deleteIfWrongType(KEYS[1], 'hash')
local begun = redis.call('HEXISTS', KEYS[1], 'next') == 1
  and parseWholeNumber(redis.call('HGET', KEYS[1], 'at'))
if ARGV[2] ~= 'look' and not begun then
  -- A full server refuses only the first write of a script that needs memory. DEL needs none.
  redis.call('DEL', KEYS[1])
  redis.call(
    'HSET', KEYS[1],
    'next', ARGV[1],
    'at', string.format('%.0f', now + ARGV[2]),
    'id', ARGV[4],
    'undoes', ARGV[5],
    'error', ARGV[6]
  )
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
local register = redis.call('HMGET', KEYS[1], 'next', 'at', 'done', 'id', 'undoes', 'error')
if ARGV[2] == 'look' and not begun then
  return nil
end
return register[1] and {
  register[1],
  register[2],
  parseWholeNumber(register[3]) or 0,
  register[4] or '',
  register[5] or '',
  parseWholeNumber(register[6]) or 0,
  string.format('%.0f', now)
}
