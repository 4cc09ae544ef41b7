import { defineScript, type Reply } from '@cache/core'
import { clock } from '../clock.js'
import enqueue from '../enqueue.lua'
import announceHandOver from '../announce-hand-over.lua'
import fence from '../fence.lua'
import firstWaiter from '../first-waiter.lua'
import lastFence from '../last-fence.lua'
import markRefused from '../mark-refused.lua'
import numbers from '../numbers.lua'
import { isOne, parseAcquireReply, parseReleaseReply } from '../replies.js'
import waiters from '../waiters.lua'
import acquireAllTypes from './acquire-all-types.lua'
import acquireAllLua from './acquire-all.lua'
import acquireBusy from './acquire-busy.lua'
import acquireUnheld from './acquire-unheld.lua'
import acquireLua from './acquire.lua'
import createLock from './create-lock.lua'
import extendTtl from './extend-ttl.lua'
import extendLua from './extend.lua'
import handOver from './hand-over.lua'
import inspectLua from './inspect.lua'
import isHeldBy from './is-held-by.lua'
import lockValue from './lock-value.lua'
import releaseOther from './release-other.lua'
import releaseLua from './release.lua'
import remainingTtl from './remaining-ttl.lua'
import restoreLua from './restore.lua'
import storeAgreedFenceLua from './store-agreed-fence.lua'

export const acquireScript = /* @__PURE__ */ defineScript({
  name: 'lock acquire',
  functions: [
    clock,
    lockValue,
    createLock,
    // What only a busy lock needs is created within the function, when it is called.
    'local function acquireBusy(KEYS, ARGV, stored)',
    numbers,
    isHeldBy,
    waiters,
    enqueue,
    lastFence,
    markRefused,
    remainingTtl,
    'local function acquireUnheld(KEYS, ARGV, stored, waiter)',
    firstWaiter,
    fence,
    extendTtl,
    acquireUnheld,
    'end',
    acquireBusy,
    'end',
  ].join('\n'),
  lua: acquireLua,
  types: ['any', 'string', 'string', 'zset'],
  parse: parseAcquireReply,
})

export const acquireAllScript = /* @__PURE__ */ defineScript({
  name: 'lock acquireAll',
  functions: [
    clock,
    numbers,
    waiters,
    firstWaiter,
    lastFence,
    fence,
    markRefused,
    isHeldBy,
    lockValue,
    createLock,
  ].join('\n'),
  lua: acquireAllLua,
  types: acquireAllTypes,
  parse: (reply: Reply) => (reply === null ? undefined : (reply as readonly string[]).map(Number)),
})

export const extendScript = /* @__PURE__ */ defineScript({
  name: 'lock extend',
  functions: clock + numbers + isHeldBy + extendTtl,
  lua: extendLua,
  parse: Number,
})

export const releaseScript = /* @__PURE__ */ defineScript({
  name: 'lock release',
  functions: [
    clock,
    isHeldBy,
    // What a release without waiters does not need is created when it is called.
    'local function handOver(KEYS, channelPrefix, waiter, ticket, lastFence)',
    numbers,
    waiters,
    announceHandOver,
    lastFence,
    fence,
    lockValue,
    handOver,
    'end',
    'local function releaseOther(KEYS, ARGV, value)',
    releaseOther,
    'end',
  ].join('\n'),
  lua: releaseLua,
  types: ['any', 'string', 'string', 'zset'],
  parse: parseReleaseReply,
})

export const storeAgreedFenceScript = /* @__PURE__ */ defineScript({
  name: 'lock settle fence',
  functions: clock + numbers + lastFence + fence + isHeldBy,
  lua: storeAgreedFenceLua,
  types: ['any', 'string'],
  parse: isOne,
})

export const restoreScript = /* @__PURE__ */ defineScript({
  name: 'lock restore',
  functions: clock + numbers + lastFence + fence + isHeldBy + lockValue + createLock,
  lua: restoreLua,
  parse: Number,
})

export const inspectScript = /* @__PURE__ */ defineScript({
  name: 'lock inspect',
  functions: clock + numbers + waiters,
  lua: inspectLua,
  types: ['any', 'zset'],
  readOnly: true,
  parse: (reply: Reply) => {
    if (reply === null) return undefined
    const [value, remaining, waiting] = reply as [string, number, number]
    return { value, remaining, waiting }
  },
})
