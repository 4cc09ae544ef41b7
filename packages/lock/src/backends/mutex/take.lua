-- Makes the lock. NX, as a key of another type is not ours to overwrite.
local function take(key, token, fence, step, ttl, about)
  local value = table.concat({token, fence, whole(milliseconds()), step, ttl, about}, ' ')
  if not command('SET', key, value, 'NX', 'PX', ttl) then command('GET', key) end
end
