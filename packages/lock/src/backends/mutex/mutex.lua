-- Held by one at a time: a string, `token fence since step ttl about`, that lives as long as the
-- lock. `step` is the number of the holder's last step that changed it, `ttl` the longest in ms
-- that it can have left to live.

local function isMine(value, token)
  return type(value) == 'string' and string.sub(value, 1, #token + 1) == token .. ' ' and string.match(value, '^%S+ %d+ %d+ %d+ %d+ ') ~= nil
end
