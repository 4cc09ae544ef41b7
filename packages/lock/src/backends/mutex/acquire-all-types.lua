-- Returns the types of the keys of acquire-all.lua.
local types = {}
for i = 1, #KEYS, 4 do
  for j, kind in ipairs({'any', 'string', 'string', 'zset'}) do
    types[i + j - 1] = kind
  end
end
return types
