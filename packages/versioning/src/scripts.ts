import { defineScript } from '@cache/core'
import { defineChange } from '@cache/core/internal'
import bumpLua from './lua/bump.lua'
import stampLua from './lua/stamp.lua'
import timeLua from './lua/time.lua'
import versionLua from './lua/version.lua'

export const bumpScript = defineChange({
  name: 'version bump',
  functions: versionLua,
  lua: bumpLua,
  args: 1,
  types: ['string', 'zset'],
  parse: Number,
})
// Asked twice in a tick, it would answer the same twice.
export const stampScript = defineScript({
  name: 'version stamp',
  functions: versionLua,
  lua: stampLua,
  types: ['string', 'zset'],
  asks: true,
  parse: Number,
})
export const timeScript = defineScript({
  name: 'server time',
  lua: timeLua,
  asks: true,
  parse: Number,
})
