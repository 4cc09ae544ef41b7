import { defineScript } from '@cache/core'
import { defineChange, timeLua } from '@cache/core/internal'
import bumpVersionLua from './lua/bump-version.lua'
import ensureVersionLua from './lua/ensure-version.lua'
import versionsLua from './lua/versions.lua'

export const bumpVersionScript = /* @__PURE__ */ defineChange({
  name: 'version bump',
  functions: timeLua + versionsLua,
  lua: bumpVersionLua,
  args: 1,
  types: ['string', 'zset'],
  parse: Number,
})
/** `readOnly`: two calls in one tick would get the same answer, so they are sent once. */
export const ensureVersionScript = /* @__PURE__ */ defineScript({
  name: 'version ensure',
  functions: timeLua + versionsLua,
  lua: ensureVersionLua,
  types: ['string', 'zset'],
  readOnly: true,
  parse: Number,
})
