import { defineScript, type Reply } from '@cache/core'
import { clock } from '../clock.js'
import enqueue from '../enqueue.lua'
import announceHandOver from '../announce-hand-over.lua'
import fence from '../fence.lua'
import firstWaiter from '../first-waiter.lua'
import lastFence from '../last-fence.lua'
import markRefused from '../mark-refused.lua'
import numbers from '../numbers.lua'
import { parseAcquireReply, parseReleaseReply } from '../replies.js'
import waiters from '../waiters.lua'
import acquireLua from './acquire.lua'
import extendLua from './extend.lua'
import handOver from './hand-over.lua'
import holders from './holders.lua'
import inspectLua from './inspect.lua'
import releaseLua from './release.lua'

const functions = [
  clock,
  numbers,
  waiters,
  firstWaiter,
  announceHandOver,
  lastFence,
  fence,
  holders,
  handOver,
].join('\n')

export const acquirePermitScript = /* @__PURE__ */ defineScript({
  name: 'permit acquire',
  functions: functions + enqueue + markRefused,
  lua: acquireLua,
  types: ['any', 'string', 'string', 'zset', 'hash'],
  parse: parseAcquireReply,
})

export const extendPermitScript = /* @__PURE__ */ defineScript({
  name: 'permit extend',
  functions: clock + numbers + holders,
  lua: extendLua,
  types: ['any', 'hash'],
  parse: Number,
})

export const releasePermitScript = /* @__PURE__ */ defineScript({
  name: 'permit release',
  functions,
  lua: releaseLua,
  types: ['any', 'string', 'string', 'zset', 'hash'],
  parse: parseReleaseReply,
})

export const inspectPermitsScript = /* @__PURE__ */ defineScript({
  name: 'permit inspect',
  functions: clock + numbers + waiters,
  lua: inspectLua,
  types: ['any', 'zset'],
  readOnly: true,
  parse: (reply: Reply): Occupancy => {
    const [held, waiting] = reply as [number, number]
    return { held, waiting }
  },
})

/** How many hold a semaphore or a read-write lock, and how many wait for it. */
export interface Occupancy {
  /** The number of current holders. */
  readonly held: number
  /** The number of waiters. */
  readonly waiting: number
}
