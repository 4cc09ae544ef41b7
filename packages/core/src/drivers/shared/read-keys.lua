local get, type, values = redis.pcall, type, ARGV
for i = 1, #ARGV do
  local value = get('GET', ARGV[i])
  values[i] = type(value) == 'table' and 0 or value
end
return values
