-- Decides on one request against all limits of a limiter, and charges all of them or none; an
-- attempt that comes again is charged nothing
-- more, and told the same.
-- KEYS[i] the state of limit i
-- ARGV[1] token: names the attempt  ARGV[2] min  ARGV[3] max: as much as there is, but at least min
-- ARGV[4] µs for which what is granted may be spent later  ARGV[5] µs for which the request may
-- wait for its turn
-- then for each limit: kind  limit  a  b (common.lua)
-- peeking (a local before this text): nothing is charged
-- returns numbers as big-endian doubles, of which a client reads many at a small price: now,
-- granted, µs to wait, µs for which it may be spent; and of each limit: available, µs until all is
-- available, µs until min is, mark

local token, min, max, hold, patience = ARGV[1], number[ARGV[2]], number[ARGV[3]], number[ARGV[4]], number[ARGV[5]]

local seen, before, denied = {}, nil, false
local granted, atOnce, turn, wait = max, max, 0, 0
for i = 1, #KEYS do
  local place = 4 * i + 2
  local one = kinds[ARGV[place]].look(KEYS[i], number[ARGV[place + 1]], number[ARGV[place + 2]], number[ARGV[place + 3]], min, hold, token, max)
  seen[i] = one
  if one.granted and not peeking and (not before or one.granted < before.granted) then before = one end
  denied = denied or one.denied
  atOnce = least(atOnce, one.spendable or one.available)
  granted = least(granted, one.holdable or one.spendable or one.available)
  turn = most(turn, one.ready)
end

if before then
  granted, hold, wait = most(min, before.granted), 0, before.wait or 0
elseif denied then
  granted, hold = 0, 0
else
  if granted < min then
    -- Not enough of what may be spent later: what was asked for, to be spent at once, or when its
    -- turn has come.
    granted, hold = atOnce >= min and min or 0, 0
    if granted == 0 and patience > 0 and turn <= patience then granted, wait = min, turn end
  end

  if granted > 0 and not peeking then
    for i = 1, #KEYS do
      local place = 4 * i + 2
      hold = kinds[ARGV[place]].charge(KEYS[i], number[ARGV[place + 1]], number[ARGV[place + 2]], number[ARGV[place + 3]], granted, wait, hold, token, seen[i])
      if wait > 0 then seen[i].available = 0 end
    end
  elseif granted == 0 and not peeking then
    for i = 1, #KEYS do
      local deny = kinds[ARGV[4 * i + 2]].deny
      if deny then deny(KEYS[i], token) end
    end
  end
end

local function said(one) return most(0, one.available), one.full, granted > 0 and 0 or one.ready, one.mark or 0 end

local reply = pack('>dddddddd', now, granted, wait, hold, said(seen[1]))
for i = 2, #KEYS do reply = reply .. pack('>dddd', said(seen[i])) end
return reply
