-- Deletes and reports values of another type than the keys of a script must have.
-- needs foreign-values.lua, and the function typesOf, which script.ts generates from `types`

-- Deletes the keys whose values have another type than expected. Returns whether it deleted any.
local function drop_foreign_values(keys, args)
  local types = typesOf(keys, args)
  local deleted = false
  for i, expected in ipairs(types) do
    local actual = keys[i] and expected ~= 'any' and redis.pcall('TYPE', keys[i]).ok
    if actual and actual ~= 'none' and actual ~= expected then
      redis.call('DEL', keys[i])
      reportForeignValue(keys[i], actual)
      deleted = true
    end
  end
  return deleted
end
