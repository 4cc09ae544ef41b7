import { defineScript, type Reply, type Script } from '@cache/core'
import { timeLua } from '@cache/core/internal'
import attemptsLua from './lua/attempts.lua'
import blockLua from './lua/block.lua'
import commonSource from './lua/common.lua'
import decideLua from './lua/decide.lua'
import endedAttemptsLua from './lua/ended-attempts.lua'
import fixedWindowRefundLua from './lua/fixed-window-refund.lua'
import fixedWindowLua from './lua/fixed-window.lua'
import kindsLua from './lua/kinds.lua'
import ownTimeLua from './lua/own-time.lua'
import refundLua from './lua/refund.lua'
import slidingWindowCounterRefundLua from './lua/sliding-window-counter-refund.lua'
import slidingWindowCounterLua from './lua/sliding-window-counter.lua'
import slidingWindowLogRefundLua from './lua/sliding-window-log-refund.lua'
import slidingWindowLogLua from './lua/sliding-window-log.lua'
import slotsLua from './lua/slots.lua'
import tokenBucketRefundLua from './lua/token-bucket-refund.lua'
import tokenBucketStateLua from './lua/token-bucket-state.lua'
import tokenBucketLua from './lua/token-bucket.lua'
import type { Limit, StateKind } from './policies/limit.js'

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

export interface RequestedCost {
  readonly minCost: number
  /** As much as is available is granted, between `minCost` and `maxCost`. */
  readonly maxCost: number
  /** The microseconds within which the granted tokens are spent. Default 0: at once. */
  readonly spendWithin?: number
  /** The microseconds that the request can wait for its turn. Default 0. */
  readonly maxWait?: number
}

/** The scripts of limits of certain kinds. */
export interface LimitScripts {
  readonly decide: Script<Verdict>
  readonly peek: Script<Verdict>
  readonly refund: Script<boolean>
}

/**
 * Returns the scripts that decide on these limits. They contain the Lua of these kinds of limits
 * only: Redis creates all functions of a script each time it runs it.
 */
export function limitScripts(limits: readonly Limit[]): LimitScripts {
  const kinds = KINDS.filter((kind) => limits.some(({ script }) => script[0] === kind))
  const id = kinds.join(' ')
  let scripts = scriptsByKinds.get(id)
  if (!scripts) scriptsByKinds.set(id, (scripts = createScripts(kinds)))
  return scripts
}

/**
 * Returns the arguments of the decide and peek scripts. What many calls have in common is one
 * argument, which the script parses once for all of them: few arguments take the server less time
 * than many. `limitArgs` has what `limitArg` returns for each limit.
 */
export function decideArgs(
  token: string,
  { minCost, maxCost, spendWithin = 0, maxWait = 0 }: RequestedCost,
  limitArgs: readonly string[],
): readonly string[] {
  return [token, `${minCost} ${maxCost} ${spendWithin} ${maxWait}`, ...limitArgs]
}

/** Returns the argument that describes a limit. */
export function limitArg({ script }: Limit): string {
  return script.join(' ')
}

const scriptsByKinds = new Map<string, LimitScripts>()
const commonLua = timeLua + commonSource

/** The Lua files that a kind needs. A file that several kinds need is contained once. */
const filesToDecide: Readonly<Record<StateKind, readonly string[]>> = {
  log: [slidingWindowLogLua],
  fixed: [ownTimeLua, attemptsLua, fixedWindowLua],
  counter: [ownTimeLua, attemptsLua, slidingWindowCounterLua],
  bucket: [ownTimeLua, tokenBucketStateLua, tokenBucketLua],
  slots: [endedAttemptsLua, slotsLua],
}
const filesToRefund: Readonly<Record<StateKind, readonly string[]>> = {
  log: [slidingWindowLogRefundLua],
  fixed: [fixedWindowRefundLua],
  counter: [slidingWindowCounterRefundLua],
  bucket: [tokenBucketRefundLua],
  slots: [],
}
const KINDS = Object.keys(filesToDecide) as StateKind[]

function createScripts(kinds: readonly StateKind[]): LimitScripts {
  const shared = [commonLua, kindsLua, ...kinds.flatMap((kind) => filesToDecide[kind])]
  const functions = (peeking: boolean, files: readonly string[]): string =>
    [`local peeking = ${peeking}`, ...new Set([...shared, ...files])].join('\n')
  const decision = {
    lua: decideLua,
    types: stateTypes('i + 2'),
    sharedTables: true,
    binary: true,
    parse: parseVerdict,
  }
  return {
    decide: defineScript({
      name: 'ratelimit decide',
      functions: functions(false, [blockLua]),
      ...decision,
    }),
    peek: defineScript({
      name: 'ratelimit peek',
      functions: functions(true, [blockLua]),
      readOnly: true,
      ...decision,
    }),
    refund: defineScript({
      name: 'ratelimit refund',
      functions: functions(
        false,
        kinds.flatMap((kind) => filesToRefund[kind]),
      ),
      lua: refundLua,
      types: stateTypes('5 * i'),
      typesFirst: true,
      parse: isOne,
    }),
  }
}

/**
 * Returns Lua that returns the type of each state. `index` is the index of the argument that begins
 * with the kind of state i.
 */
function stateTypes(index: string): string {
  return `local types = {}
for i = 1, #KEYS do
  local kind = (ARGV[${index}] or ''):match('^%a+')
  types[i] = (kind == 'log' or kind == 'slots') and 'zset' or 'string'
end
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
