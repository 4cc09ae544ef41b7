import { defineScript, type Reply } from '@cache/core'
import fence from '../fence.lua'
import queue from '../queue.lua'
import refuse from '../refuse.lua'
import { one, parseAcquired } from '../replies.js'
import { clock } from '../clock.js'
import acquireLua from './acquire.lua'
import extendLua from './extend.lua'
import inspectLua from './inspect.lua'
import leaveLua from './leave.lua'
import permitsLua from './permits.lua'

const functions = clock + queue + fence + permitsLua

export const acquirePermitScript = defineScript({
  name: 'permit acquire',
  functions: functions + refuse,
  lua: acquireLua,
  types: ['any', 'hash', 'string', 'string', 'zset', 'hash'],
  parse: parseAcquired,
})

export const extendPermitScript = defineScript({
  name: 'permit extend',
  functions,
  lua: extendLua,
  types: ['any', 'hash'],
  parse: Number,
})

export const leavePermitScript = defineScript({
  name: 'permit release',
  functions,
  lua: leaveLua,
  types: ['any', 'hash', 'string', 'zset', 'hash'],
  parse: one,
})

export const inspectPermitsScript = defineScript({
  name: 'permit inspect',
  functions,
  lua: inspectLua,
  types: ['any', 'zset'],
  asks: true,
  parse: (reply: Reply): Occupancy => {
    const [held, waiting] = reply as [number, number]
    return { held, waiting }
  },
})

export interface Occupancy {
  /** How many hold it now. */
  readonly held: number
  /** How many wait for it. */
  readonly waiting: number
}
