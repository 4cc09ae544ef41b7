-- Gives back what a request was charged, once, where it still counts. A call that comes again is
-- told the same.
-- KEYS[1…n] the states of the limits  KEYS[n + 1] the refund, while a second one of the same
-- request would count, or this call may come again
-- ARGV[1] token: names the request  ARGV[2] what it was charged  ARGV[3] µs at which it was
-- ARGV[4] names this call
-- then for each limit: kind  limit  a  b  mark (common.lua)
-- returns 1 if anything was given back, else 0

local marker, life, changed = KEYS[#KEYS], 10000000, 0
local before = command('GET', marker)
if before then return before == ARGV[4] and 1 or 0 end
-- nothing: a server that is full lets a script write if it has removed something first
command('DEL', marker)

for i = 1, #KEYS - 1 do
  local place = 5 * i
  local back, counts = kinds[ARGV[place]].refund(KEYS[i], tonumber(ARGV[place + 2]), tonumber(ARGV[place + 3]), tonumber(ARGV[place + 4]), ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))
  if back then changed, life = 1, most(life, counts) end
end

if changed == 1 then command('SET', marker, ARGV[4], 'PX', ttl(now + math.ceil(life))) end
return changed
