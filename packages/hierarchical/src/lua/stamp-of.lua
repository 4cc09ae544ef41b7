-- Shared by the scripts that compare stamps, which are versions (version.lua of @cache/versioning); put before them.
-- nil for what is none: no pattern has written it.

local function stampOf(text)
  local stamp = text and #text < 17 and text:match('^%d+$') and tonumber(text)
  return stamp and stamp <= 9007199254740991 and stamp or nil
end
