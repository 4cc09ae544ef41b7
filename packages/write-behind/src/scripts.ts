import { defineScript, type Reply } from '@cache/core'
import agreeLua from './lua/agree.lua'
import beatLua from './lua/beat.lua'
import buryLua from './lua/bury.lua'
import claimLua from './lua/claim.lua'
import discardLua from './lua/discard.lua'
import failLua from './lua/fail.lua'
import leaveLua from './lua/leave.lua'
import measureLua from './lua/measure.lua'
import replayLua from './lua/replay.lua'
import sequenceLua from './lua/sequence.lua'
import settleLua from './lua/settle.lua'
import stateLua from './lua/state.lua'
import writeLua from './lua/write.lua'

const text = (reply: Reply): string => String(reply)
const yes = (reply: Reply): boolean => reply === 1
const isLost = (reply: Reply): boolean => reply === 'lost'

export const agreeScript = defineScript({ name: 'write-behind agree', lua: agreeLua, parse: Number })
export const writeScript = defineScript({ name: 'write-behind write', functions: sequenceLua, lua: writeLua, parse: text })
export const stateScript = defineScript({ name: 'write-behind state', lua: stateLua, asks: true, parse: (reply) => reply as readonly [pending: string, settled: string] })
export const measureScript = defineScript({ name: 'write-behind measure', lua: measureLua, asks: true, parse: (reply) => reply as readonly [writes: number, age: number, owned: number] })

export const beatScript = defineScript({ name: 'write-behind beat', lua: beatLua, parse: (reply) => reply as readonly string[] })
export const claimScript = defineScript({ name: 'write-behind claim', lua: claimLua, parse: (reply) => (reply === '' ? undefined : Number(reply)) })
export const leaveScript = defineScript({ name: 'write-behind leave', lua: leaveLua, parse: yes })

export const settleScript = defineScript({ name: 'write-behind settle', lua: settleLua, parse: isLost })
export const failScript = defineScript({ name: 'write-behind fail', lua: failLua, parse: (reply) => (isLost(reply) ? undefined : Number(reply)) })
export const buryScript = defineScript({ name: 'write-behind bury', lua: buryLua, parse: isLost })

export const replayScript = defineScript({ name: 'write-behind replay', functions: sequenceLua, lua: replayLua, parse: yes })
export const discardScript = defineScript({ name: 'write-behind discard', lua: discardLua, parse: yes })
