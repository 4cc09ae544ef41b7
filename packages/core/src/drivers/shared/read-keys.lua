local values = {}
for i, key in ipairs(ARGV) do
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then
    -- The value of another type counts as none, as it does for MGET.
    if string.find(value.err, 'WRONGTYPE', 1, true) then value = false else value = 0 end
  end
  values[i] = value
end
return values
