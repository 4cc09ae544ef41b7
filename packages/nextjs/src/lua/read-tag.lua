-- Returns the state of a tag.
-- KEYS[1] the tag's state
-- returns { the state or '', the clock in µs }
-- cost: O(1)
-- needs tag-state.lua

return answer(stateAt(KEYS[1]))
