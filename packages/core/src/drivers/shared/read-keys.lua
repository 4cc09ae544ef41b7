local values = {}
for i, key in ipairs(ARGV) do
  local value = redis.pcall('GET', key)
  values[i] = type(value) == 'table' and 0 or value
end
return values
