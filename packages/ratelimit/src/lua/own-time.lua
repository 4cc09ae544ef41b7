-- What the states share that are strings: a version byte and whole numbers, packed in 7 bytes each,
-- and then a text. Such a state has its own time, which is ahead of the clock by its skew.
-- cost: none
-- needs common.lua, kinds.lua

local unpackNumbers = struct.unpack

-- If the clock was set back by more than these µs since the state was written, the skew grows by as
-- much, so that no time has passed for the state.
local MAX_SET_BACK = 1000000

-- Returns the end of a token, which is enough to tell the attempts in a state apart.
local function shortName(token)
  return sub(token, -12)
end
