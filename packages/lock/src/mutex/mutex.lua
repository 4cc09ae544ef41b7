-- Held by one at a time: a string, `token fence since about`, that lives as long as the lock.

local function isMine(value, token)
  return value and string.sub(value, 1, #token + 1) == token .. ' '
end
