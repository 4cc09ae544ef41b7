import { defineScript, type Reply } from '@cache/core'
import { defineChange } from '@cache/core/internal'
import abandonLua from './lua/abandon.lua'
import acquireLua from './lua/acquire.lua'
import agreeLua from './lua/agree.lua'
import beatLua from './lua/beat.lua'
import buryLua from './lua/bury.lua'
import discardLua from './lua/discard.lua'
import failLua from './lua/fail.lua'
import leaveLua from './lua/leave.lua'
import lettersLua from './lua/letters.lua'
import listLua from './lua/list.lua'
import measureLua from './lua/measure.lua'
import openLua from './lua/open.lua'
import renewLua from './lua/renew.lua'
import replayLua from './lua/replay.lua'
import sequenceLua from './lua/sequence.lua'
import sessionLua from './lua/session.lua'
import settleLua from './lua/settle.lua'
import stateLua from './lua/state.lua'
import versionsLua from './lua/versions.lua'
import writeLua from './lua/write.lua'

const text = (reply: Reply): string => String(reply)
const yes = (reply: Reply): boolean => reply === 1
const isLost = (reply: Reply): boolean => reply === 'lost'

export const agreeScript = defineScript({
  name: 'write-behind agree',
  lua: agreeLua,
  types: ['string'],
  parse: Number,
})
export const measureScript = defineScript({
  name: 'write-behind measure',
  lua: measureLua,
  types: ['stream', 'string'],
  asks: true,
  parse: (reply) => reply as readonly [writes: number, age: number, owned: number],
})

export const openScript = defineScript({
  name: 'write-behind open',
  functions: sessionLua,
  lua: openLua,
  types: ['hash'],
  parse: yes,
})
export const abandonScript = defineScript({
  name: 'write-behind abandon',
  functions: sessionLua,
  lua: abandonLua,
  types: ['hash'],
  parse: yes,
})
export const writeScript = defineChange({
  name: 'write-behind write',
  args: 11,
  beside: 4,
  functions: sequenceLua + sessionLua + versionsLua,
  lua: writeLua,
  types: ['any', 'any', 'string', 'stream', 'hash', 'hash'],
  parse: text,
})
export const stateScript = defineScript({
  name: 'write-behind state',
  asks: true,
  functions: lettersLua + versionsLua,
  lua: stateLua,
  types: ['hash', 'stream', 'zset', 'hash', 'hash'],
  parse: (reply) => reply as readonly [sequence: string, outcome: 'flushed' | 'waiting' | 'dead'],
})

export const beatScript = defineScript({
  name: 'write-behind beat',
  lua: beatLua,
  types: ['zset'],
  parse: (reply) => {
    const pairs = reply as readonly string[]
    return new Map(
      pairs.flatMap((token, i) => (i % 2 === 0 ? [[token, pairs[i + 1]!] as const] : [])),
    )
  },
})
export const acquireScript = defineScript({
  name: 'write-behind acquire',
  lua: acquireLua,
  types: ['string', 'string'],
  parse: (reply) => {
    const [fence, owner] = reply as readonly [string, string]
    return { fence: fence === '' ? undefined : fence, owner }
  },
})
export const renewScript = defineScript({
  name: 'write-behind renew',
  lua: renewLua,
  types: ['string'],
  parse: yes,
})
export const leaveScript = defineScript({
  name: 'write-behind leave',
  lua: leaveLua,
  types: ['string'],
  parse: yes,
})

export const settleScript = defineScript({
  name: 'write-behind settle',
  functions: lettersLua + versionsLua,
  lua: settleLua,
  types: ['string', 'stream', 'hash', 'hash', 'hash', 'hash'],
  parse: isLost,
})
export const failScript = defineScript({
  name: 'write-behind fail',
  lua: failLua,
  types: ['string', 'hash', 'string'],
  parse: (reply) => (isLost(reply) ? undefined : Number(reply)),
})
export const buryScript = defineChange({
  name: 'write-behind bury',
  args: 6,
  beside: 7,
  functions: lettersLua + versionsLua,
  lua: buryLua,
  types: ['string', 'zset', 'string', 'stream', 'hash', 'hash', 'zset', 'hash', 'hash'],
  typesFirst: true,
  parse: isLost,
})

export const listScript = defineScript({
  name: 'write-behind list',
  asks: true,
  binary: true,
  functions: lettersLua,
  lua: listLua,
  types: ['zset'],
  parse: (reply) => reply as unknown as readonly (readonly Buffer[])[],
})
export const replayScript = defineChange({
  name: 'write-behind replay',
  args: 5,
  beside: 7,
  functions: sequenceLua + sessionLua + lettersLua + versionsLua,
  lua: replayLua,
  types: ['string', 'zset', 'string', 'zset', 'hash', 'stream', 'hash', 'hash', 'hash'],
  typesFirst: true,
  parse: text,
})
export const discardScript = defineScript({
  name: 'write-behind discard',
  functions: sessionLua + lettersLua,
  lua: discardLua,
  types: ['zset', 'hash', 'hash'],
  typesFirst: true,
  parse: text,
})
