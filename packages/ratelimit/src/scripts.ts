import { defineScript, type Reply } from '@cache/core'
import { timeLua } from '@cache/core/internal'
import commonSource from './lua/common.lua'
import endedAttemptsLua from './lua/ended-attempts.lua'
import releaseSlotsLua from './lua/release-slots.lua'
import renewSlotsLua from './lua/renew-slots.lua'
import setBlockLua from './lua/set-block.lua'

const commonLua = timeLua + commonSource

export const blockScript = /* @__PURE__ */ defineScript({
  name: 'ratelimit block',
  functions: commonLua,
  lua: setBlockLua,
  types: ['string'],
  parse: isOne,
})

export const renewScript = /* @__PURE__ */ defineScript({
  name: 'ratelimit renew',
  functions: commonLua,
  lua: renewSlotsLua,
  types: slotTypes(),
  parse: isOne,
})

export const releaseScript = /* @__PURE__ */ defineScript({
  name: 'ratelimit release',
  functions: `${commonLua}\n${endedAttemptsLua}`,
  lua: releaseSlotsLua,
  types: slotTypes(),
  parse: Number,
})

function slotTypes(): string {
  return `local types = {}
for i = 1, #KEYS do types[i] = 'zset' end
return types`
}

function isOne(reply: Reply): boolean {
  return reply === 1
}
