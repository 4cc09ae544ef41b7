import { defineScript, type Reply } from '@cache/core'
import { timeLua } from '@cache/core/internal'
import blockLua from './lua/block.lua'
import commonSource from './lua/common.lua'
import decideLua from './lua/decide.lua'
import endedAttemptsLua from './lua/ended-attempts.lua'
import fixedWindowLua from './lua/fixed-window.lua'
import refundLua from './lua/refund.lua'
import releaseSlotsLua from './lua/release-slots.lua'
import renewSlotsLua from './lua/renew-slots.lua'
import setBlockLua from './lua/set-block.lua'
import slidingWindowCounterLua from './lua/sliding-window-counter.lua'
import slidingWindowLogLua from './lua/sliding-window-log.lua'
import slotsLua from './lua/slots.lua'
import tokenBucketLua from './lua/token-bucket.lua'
import tokenBucketStateLua from './lua/token-bucket-state.lua'

/** The answer of the decide script. Times are in microseconds of the server's clock. */
export interface Verdict {
  readonly now: number
  /** The charge. 0 means that the request is denied. */
  readonly granted: number
  /** How long the request has to wait for its turn. */
  readonly wait: number
  /** The time within which the charge must be spent, if the request asked to spend it later. */
  readonly spendWithin: number
  /** The time until the block of the id ends; 0 if it is not blocked. */
  readonly blockedFor: number
  readonly limits: readonly LimitVerdict[]
}

export interface LimitVerdict {
  /** The cost that the limit can admit now. */
  readonly available: number
  /** The time until all of the limit is available again. */
  readonly fullAfter: number
  /** The time until the limit admits the request; 0 if it does now. */
  readonly readyAfter: number
  /** What a refund has to know about the charge. */
  readonly mark: number
}

const commonLua = timeLua + commonSource
const policyFunctions = [
  commonLua,
  slidingWindowLogLua,
  fixedWindowLua,
  slidingWindowCounterLua,
  tokenBucketStateLua,
  tokenBucketLua,
  endedAttemptsLua,
  slotsLua,
  blockLua,
].join('\n')

export const decideScript = /* @__PURE__ */ defineScript({
  name: 'ratelimit decide',
  functions: `local peeking = false\n${policyFunctions}`,
  lua: decideLua,
  types: stateTypes(6, 4),
  binary: true,
  parse: parseVerdict,
})

export const peekScript = /* @__PURE__ */ defineScript({
  name: 'ratelimit peek',
  functions: `local peeking = true\n${policyFunctions}`,
  lua: decideLua,
  types: stateTypes(6, 4),
  binary: true,
  readOnly: true,
  parse: parseVerdict,
})

export const refundScript = /* @__PURE__ */ defineScript({
  name: 'ratelimit refund',
  functions: `local peeking = false\n${policyFunctions}`,
  lua: refundLua,
  types: stateTypes(5, 5),
  typesFirst: true,
  parse: isOne,
})

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

/**
 * Returns Lua that returns the type of each state. The kind of the first state is the argument
 * `first`; the kind of each following one is `step` arguments further on.
 */
function stateTypes(first: number, step: number): string {
  return `local types = {}
for i = 1, #KEYS do
  local kind = ARGV[${first} + ${step} * (i - 1)]
  types[i] = (kind == 'log' or kind == 'slots') and 'zset' or 'string'
end
return types`
}

function slotTypes(): string {
  return `local types = {}
for i = 1, #KEYS do types[i] = 'zset' end
return types`
}

function isOne(reply: Reply): boolean {
  return reply === 1
}

/** Parses big-endian doubles: five for the request, and four for each limit (lua/decide.lua). */
function parseVerdict(reply: Reply): Verdict {
  const buffer = reply as Buffer
  const numberAt = (index: number): number => buffer.readDoubleBE(8 * index)
  const limits: LimitVerdict[] = []
  for (let i = 5; 8 * i < buffer.length; i += 4)
    limits.push({
      available: numberAt(i),
      fullAfter: numberAt(i + 1),
      readyAfter: numberAt(i + 2),
      mark: numberAt(i + 3),
    })
  return {
    now: numberAt(0),
    granted: numberAt(1),
    wait: numberAt(2),
    spendWithin: numberAt(3),
    blockedFor: numberAt(4),
    limits,
  }
}
