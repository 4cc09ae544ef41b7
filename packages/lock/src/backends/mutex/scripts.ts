import { defineScript, type Reply } from '@cache/core'
import { clock } from '../clock.js'
import fence from '../fence.lua'
import markRefused from '../mark-refused.lua'
import queue from '../queue.lua'
import { isOne, parseAcquireReply } from '../replies.js'
import acquireAllTypes from './acquire-all-types.lua'
import acquireAllLua from './acquire-all.lua'
import acquireLua from './acquire.lua'
import createLock from './create-lock.lua'
import extendTtl from './extend-ttl.lua'
import extendLua from './extend.lua'
import inspectLua from './inspect.lua'
import lockValue from './lock-value.lua'
import releaseLua from './release.lua'
import remainingTtl from './remaining-ttl.lua'
import restoreLua from './restore.lua'
import storeAgreedFenceLua from './store-agreed-fence.lua'

export const acquireScript = /* @__PURE__ */ defineScript({
  name: 'lock acquire',
  functions:
    clock + queue + fence + markRefused + lockValue + createLock + extendTtl + remainingTtl,
  lua: acquireLua,
  types: ['any', 'string', 'string', 'zset', 'hash'],
  parse: parseAcquireReply,
})

export const acquireAllScript = /* @__PURE__ */ defineScript({
  name: 'lock acquireAll',
  functions: clock + fence + markRefused + lockValue + createLock,
  lua: acquireAllLua,
  types: acquireAllTypes,
  parse: (reply: Reply) => (reply === null ? undefined : (reply as readonly string[]).map(Number)),
})

export const extendScript = /* @__PURE__ */ defineScript({
  name: 'lock extend',
  functions: clock + lockValue + extendTtl,
  lua: extendLua,
  parse: Number,
})

export const releaseScript = /* @__PURE__ */ defineScript({
  name: 'lock release',
  functions: clock + queue + lockValue,
  lua: releaseLua,
  types: ['any', 'string', 'zset', 'hash'],
  parse: isOne,
})

export const storeAgreedFenceScript = /* @__PURE__ */ defineScript({
  name: 'lock settle fence',
  functions: clock + fence + lockValue,
  lua: storeAgreedFenceLua,
  types: ['any', 'string'],
  parse: isOne,
})

export const restoreScript = /* @__PURE__ */ defineScript({
  name: 'lock restore',
  functions: clock + fence + lockValue + createLock,
  lua: restoreLua,
  parse: Number,
})

export const inspectScript = /* @__PURE__ */ defineScript({
  name: 'lock inspect',
  lua: inspectLua,
  types: ['any', 'zset'],
  readOnly: true,
  parse: (reply: Reply) => {
    if (reply === null) return undefined
    const [value, remaining, waiting] = reply as [string, number, number]
    return { value, remaining, waiting }
  },
})
