import { defineScript, type Reply } from '@cache/core'
import bucketLua from './lua/bucket.lua'
import commonLua from './lua/common.lua'
import counterLua from './lua/counter.lua'
import decideLua from './lua/decide.lua'
import fixedLua from './lua/fixed.lua'
import logLua from './lua/log.lua'
import refundLua from './lua/refund.lua'
import releaseLua from './lua/release.lua'
import rememberedLua from './lua/remembered.lua'
import renewLua from './lua/renew.lua'
import slotsLua from './lua/slots.lua'

/** What the server answered; times in µs of its clock. */
export interface Verdict {
  readonly now: number
  /** What was charged; 0: denied. */
  readonly granted: number
  readonly wait: number
  /** How long what was granted may be spent, where it was asked for to be spent later. */
  readonly hold: number
  readonly limits: readonly LimitVerdict[]
}

export interface LimitVerdict {
  readonly available: number
  readonly full: number
  readonly ready: number
  readonly mark: number
}

const functions = [
  commonLua,
  logLua,
  fixedLua,
  counterLua,
  bucketLua,
  rememberedLua,
  slotsLua,
].join('\n')
const one = (reply: Reply): boolean => reply === 1

/**
 * Lua that answers with the type of each state. `first`: where the kind of the first one is among
 * the arguments; the next ones are each `step` further on.
 */
const typesOf = (first: number, step: number): string =>
  `local types = {} for i = 1, #KEYS do local kind = ARGV[${first} + ${step} * (i - 1)] types[i] = (kind == 'log' or kind == 'slots') and 'zset' or 'string' end return types`
const slotTypes = "local types = {} for i = 1, #KEYS do types[i] = 'zset' end return types"

export const decideScript = defineScript({
  name: 'ratelimit decide',
  functions: `local peeking = false\n${functions}`,
  lua: decideLua,
  types: typesOf(6, 4),
  binary: true,
  parse: verdict,
})

export const peekScript = defineScript({
  name: 'ratelimit peek',
  functions: `local peeking = true\n${functions}`,
  lua: decideLua,
  types: typesOf(6, 4),
  binary: true,
  asks: true,
  parse: verdict,
})

export const refundScript = defineScript({
  name: 'ratelimit refund',
  functions: `local peeking = false\n${functions}`,
  lua: refundLua,
  types: typesOf(5, 5),
  typesFirst: true,
  parse: one,
})

export const renewScript = defineScript({
  name: 'ratelimit renew',
  functions: commonLua,
  lua: renewLua,
  types: slotTypes,
  parse: one,
})

export const releaseScript = defineScript({
  name: 'ratelimit release',
  functions: `${commonLua}\n${rememberedLua}`,
  lua: releaseLua,
  types: slotTypes,
  parse: Number,
})

function verdict(reply: Reply): Verdict {
  const numbers = reply as Buffer
  const at = (place: number): number => numbers.readDoubleBE(8 * place)
  const limits: LimitVerdict[] = []
  for (let i = 4; 8 * i < numbers.length; i += 4)
    limits.push({ available: at(i), full: at(i + 1), ready: at(i + 2), mark: at(i + 3) })
  return { now: at(0), granted: at(1), wait: at(2), hold: at(3), limits }
}
