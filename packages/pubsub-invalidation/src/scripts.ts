import { defineScript, type Reply } from '@cache/core'
import openLogLua from './lua/open-log.lua'
import publishLua from './lua/publish.lua'

export const publishScript = /* @__PURE__ */ defineScript({
  name: 'invalidation publish',
  lua: publishLua,
  parse: Number,
})
export const openLogScript = /* @__PURE__ */ defineScript({
  name: 'invalidation log open',
  lua: openLogLua,
  types: ['stream'],
  parse: (reply: Reply) => String(reply),
})
