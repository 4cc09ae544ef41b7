import { defineScript, type Reply } from '@cache/core'
import queueLua from '../queue.lua'
import acquireAllLua from './acquire-all.lua'
import acquireLua from './acquire.lua'
import extendLua from './extend.lua'
import inspectLua from './inspect.lua'
import leaveLua from './leave.lua'
import mutexLua from './mutex.lua'
import settleFenceLua from './settle-fence.lua'
import { one, parseAcquired } from '../replies.js'

const functions = `${queueLua}\n${mutexLua}`

export const acquireScript = defineScript({ name: 'lock acquire', functions, lua: acquireLua, parse: parseAcquired })

export const acquireAllScript = defineScript({
  name: 'lock acquireAll',
  functions, lua: acquireAllLua,
  parse: (reply: Reply) => (reply === null ? undefined : (reply as readonly string[]).map(Number)),
})

export const extendScript = defineScript({ name: 'lock extend', functions: mutexLua, lua: extendLua, parse: one })

export const leaveScript = defineScript({ name: 'lock release', functions, lua: leaveLua, parse: one })

export const settleFenceScript = defineScript({ name: 'lock settle fence', functions: mutexLua, lua: settleFenceLua, parse: one })

export const inspectScript = defineScript({
  name: 'lock inspect',
  lua: inspectLua,
  asks: true,
  parse: (reply: Reply) => {
    if (reply === null) return undefined
    const [value, remaining, waiting] = reply as [string, number, number]
    return { value, remaining, waiting }
  },
})
