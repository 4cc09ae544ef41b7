-- Functions for the scripts that read and change the state of a tag. Put before these scripts.
-- A state is the text "id marked expired deadline", whole numbers in µs of this server's clock:
--   id        when the state was made. A state that was lost and made anew has another one.
--   marked    the last revalidation. Entries that were loaded before it are stale.
--   expired   entries that were loaded before it are expired.
--   deadline  when entries that were loaded before `marked` expire, or 0
-- needs foreign-values.lua and time.lua of core

-- Returns the fields of the state at a key, or nothing if there is none or another text.
local function stateAt(key)
  local text = redis.call('GET', key)
  if not text then return end
  local id, marked, expired, deadline = text:match('^(%d+) (%d+) (%d+) (%d+)$')
  return wholeNumber(id), wholeNumber(marked), wholeNumber(expired), wholeNumber(deadline)
end

-- Returns what the callers of these scripts get: the state, or an empty text, and the clock.
local function answer(id, marked, expired, deadline)
  local state = ''
  if deadline then
    state = string.format('%.0f %.0f %.0f %.0f', id, marked, expired, deadline)
  end
  return { state, string.format('%.0f', microseconds()) }
end
