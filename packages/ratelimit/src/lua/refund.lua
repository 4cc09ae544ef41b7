-- Gives back what a request was charged, once, if the charge still counts. A call that arrives
-- again returns the same.
-- KEYS[1…n] the states of the limits
-- KEYS[n + 1] the marker of this refund. It exists for as long as a second refund of the request
--   would count, or this call can arrive again.
-- ARGV[1] token: identifies the request  ARGV[2] its charge  ARGV[3] the time of the charge, µs
-- ARGV[4] identifies this call
-- then for each limit: kind  limit  a  b  mark (common.lua)
-- returns 1 if anything was given back, else 0
-- cost: that of the refund of each kind
-- needs common.lua, kinds.lua, and the files of the kinds of the limits (limit-scripts.ts)

local token = ARGV[1]
local charged = tonumber(ARGV[2])
local chargedAt = tonumber(ARGV[3])
local call = ARGV[4]
local marker = KEYS[#KEYS]

local previousCall = command('GET', marker)
if previousCall then
  return previousCall == call and 1 or 0
end
-- There is nothing to delete, but a server that is full lets a script write after a deletion.
command('DEL', marker)

local anyRefunded = 0
local markerLifetime = 10000000
for i = 1, #KEYS - 1 do
  local first = 5 * i
  local a = tonumber(ARGV[first + 2])
  local b = tonumber(ARGV[first + 3])
  local mark = tonumber(ARGV[first + 4])
  local refund = kinds[ARGV[first]].refund
  local refunded, countsFor
  if refund then
    refunded, countsFor = refund(KEYS[i], a, b, mark, token, charged, chargedAt)
  end
  if refunded then
    anyRefunded = 1
    markerLifetime = max(markerLifetime, countsFor)
  end
end

if anyRefunded == 1 then
  command('SET', marker, call, 'PX', ttlUntil(now + math.ceil(markerLifetime)))
end
return anyRefunded
