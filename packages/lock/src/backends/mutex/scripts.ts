import { defineScript, type Reply } from '@cache/core'
import fence from '../fence.lua'
import queue from '../queue.lua'
import refuse from '../refuse.lua'
import { one, parseAcquired } from '../replies.js'
import { clock } from '../clock.js'
import acquireAllLua from './acquire-all.lua'
import acquireLua from './acquire.lua'
import extendLua from './extend.lua'
import inspectLua from './inspect.lua'
import leaveLua from './leave.lua'
import mutex from './mutex.lua'
import prolong from './prolong.lua'
import remaining from './remaining.lua'
import restoreLua from './restore.lua'
import settleFenceLua from './settle-fence.lua'
import take from './take.lua'

export const acquireScript = defineScript({
  name: 'lock acquire',
  functions: clock + queue + fence + refuse + mutex + take + prolong + remaining,
  lua: acquireLua,
  types: ['any', 'string', 'string', 'zset', 'hash'],
  parse: parseAcquired,
})

export const acquireAllScript = defineScript({
  name: 'lock acquireAll',
  functions: clock + fence + refuse + mutex + take,
  lua: acquireAllLua,
  types:
    "local types = {} for i = 1, #KEYS, 5 do for j, kind in ipairs({'any', 'string', 'string', 'zset', 'hash'}) do types[i + j - 1] = kind end end return types",
  parse: (reply: Reply) => (reply === null ? undefined : (reply as readonly string[]).map(Number)),
})

export const extendScript = defineScript({
  name: 'lock extend',
  functions: clock + mutex + prolong,
  lua: extendLua,
  parse: Number,
})

export const leaveScript = defineScript({
  name: 'lock release',
  functions: clock + queue + mutex,
  lua: leaveLua,
  types: ['any', 'string', 'zset', 'hash'],
  parse: one,
})

export const settleFenceScript = defineScript({
  name: 'lock settle fence',
  functions: clock + fence + mutex,
  lua: settleFenceLua,
  types: ['any', 'string'],
  parse: one,
})

export const restoreScript = defineScript({
  name: 'lock restore',
  functions: clock + fence + mutex + take,
  lua: restoreLua,
  parse: Number,
})

export const inspectScript = defineScript({
  name: 'lock inspect',
  lua: inspectLua,
  types: ['any', 'zset'],
  asks: true,
  parse: (reply: Reply) => {
    if (reply === null) return undefined
    const [value, remaining, waiting] = reply as [string, number, number]
    return { value, remaining, waiting }
  },
})
