import { choiceOption, customOption, numberOption, readGroup, required } from '@cache/core/internal'
import { boundedMap } from './bounded-map.js'
import type { Clock } from './clock.js'
import type { SlotHandle } from './decision.js'
import type { Limit } from './policies/limit.js'
import type { RequestLimits } from './request-limits.js'
import type { LimitVerdict, Verdict } from './limit-scripts.js'

/**
 * What happens to requests while Redis does not answer in time:
 *
 * - `'allow'` allows them.
 * - `'deny'` denies them.
 * - `{ local: share }` lets each process allow its share of each limit without Redis. With four
 *   processes, use 0.25.
 */
export type OnOutage = 'allow' | 'deny' | { readonly local: number }

export interface OutageDecision {
  readonly verdict: Verdict
  /** The limits that the verdict is about. With `{ local }` they are this process' share. */
  readonly limits: readonly Limit[]
  readonly slots?: SlotHandle
}

/** Decides on requests without Redis. */
export interface OutageStrategy {
  /**
   * Charges as much as is available up to `maxCost`, or denies if that is less than `minCost`. With
   * `peeking` nothing is charged.
   */
  decide(request: OutageRequest, peeking?: boolean): OutageDecision
}

export interface OutageRequest {
  readonly key: string
  readonly limits: RequestLimits
  readonly minCost: number
  readonly maxCost: number
}

/** The option `onOutage`. */
export const onOutageOption = customOption((value, path): OnOutage =>
  typeof value === 'object' && value !== null
    ? readGroup(localOptions, value, path)
    : onOutageChoice.check(value, path),
)

const onOutageChoice = choiceOption(['allow', 'deny'], 'allow')
const localOptions = { local: numberOption({ min: 0.000_001, max: 1 }, required) }

export function createOutageStrategy(onOutage: OnOutage, clock: Clock): OutageStrategy {
  if (typeof onOutage === 'object') return new LocalShareStrategy(onOutage.local, clock)
  const allow = onOutage === 'allow'
  return {
    decide: ({ limits: { limits }, maxCost }) => ({
      limits,
      verdict: {
        now: 0,
        granted: allow ? maxCost : 0,
        wait: 0,
        spendWithin: 0,
        blockedFor: 0,
        limits: limits.map(({ limit }) =>
          allow
            ? { available: limit, fullAfter: 0, readyAfter: 0, mark: 0 }
            : { available: 0, fullAfter: RETRY_AFTER, readyAfter: RETRY_AFTER, mark: 0 },
        ),
      },
    }),
  }
}

/**
 * Allows a share of each limit in this process. Each id has a token bucket for each limit, and a
 * count of the slots it holds for each concurrency limit.
 */
class LocalShareStrategy implements OutageStrategy {
  readonly #share: number
  readonly #clock: Clock
  readonly #shares = new WeakMap<RequestLimits, LimitShare[]>()
  /**
   * The state of each limit by key: the microsecond at which its bucket is full again, or the
   * number of slots in use.
   */
  readonly #states = boundedMap<number[]>(MAX_IDS)

  constructor(share: number, clock: Clock) {
    this.#share = share
    this.#clock = clock
  }

  decide({ key, limits, minCost, maxCost }: OutageRequest, peeking = false): OutageDecision {
    const shares = this.#sharesOf(limits)
    const now = Math.floor(this.#clock.now() * 1_000)
    let states = this.#states.get(key)
    if (!states) this.#states.set(key, (states = shares.map(() => 0)))
    const availableBefore = states.map((state, i) => availableIn(shares[i]!, state, now))
    const granted = Math.min(
      maxCost,
      ...availableBefore.map((available, i) =>
        shares[i]!.hasSlots ? (available > 0 ? maxCost : 0) : Math.floor(available),
      ),
    )
    // A cost higher than the whole share counts as the whole share.
    const required = Math.min(
      minCost,
      ...shares.flatMap(({ hasSlots, limit }) => (hasSlots ? [] : [limit.limit])),
    )
    const allowed = granted >= required
    const charged = Math.max(granted, required)
    const limitVerdicts = states.map((state, i): LimitVerdict => {
      const share = shares[i]!
      if (allowed && !peeking) states[i] = charge(share, state, charged, now)
      return {
        available: Math.max(0, Math.floor(availableIn(share, states[i]!, now))),
        fullAfter: share.hasSlots ? 0 : Math.max(0, states[i]! - now),
        readyAfter: allowed ? 0 : readyAfter(share, availableBefore[i]!, required),
        mark: 0,
      }
    })
    const decision = {
      limits: shares.map(({ limit }) => limit),
      verdict: {
        now: 0,
        granted: allowed ? Math.max(granted, minCost) : 0,
        wait: 0,
        spendWithin: 0,
        blockedFor: 0,
        limits: limitVerdicts,
      },
    }
    const slotIndexes = shares.flatMap(({ hasSlots }, i) => (hasSlots ? [i] : []))
    return allowed && !peeking && slotIndexes.length > 0
      ? { ...decision, slots: localSlots(states, slotIndexes) }
      : decision
  }

  #sharesOf(limits: RequestLimits): readonly LimitShare[] {
    let shares = this.#shares.get(limits)
    if (!shares) {
      shares = limits.limits.map((limit) => ({
        limit: { ...limit, limit: Math.max(1, Math.floor(limit.limit * this.#share)) },
        hasSlots: limit.policy === 'concurrency',
        microsPerToken: (limit.window * 1_000) / (limit.limit * this.#share),
      }))
      this.#shares.set(limits, shares)
    }
    return shares
  }
}

/** The part of a limit that one process allows. */
interface LimitShare {
  readonly limit: Limit
  readonly hasSlots: boolean
  /** The microseconds after which one token comes back. */
  readonly microsPerToken: number
}

function availableIn(
  { limit, hasSlots, microsPerToken }: LimitShare,
  state: number,
  now: number,
): number {
  return hasSlots ? limit.limit - state : limit.limit - Math.max(0, state - now) / microsPerToken
}

function charge(
  { hasSlots, microsPerToken }: LimitShare,
  state: number,
  cost: number,
  now: number,
): number {
  return hasSlots ? state + 1 : Math.max(state, now) + Math.ceil(cost * microsPerToken)
}

function readyAfter(
  { hasSlots, microsPerToken }: LimitShare,
  available: number,
  cost: number,
): number {
  if (hasSlots) return available > 0 ? 0 : RETRY_AFTER
  return Math.max(0, Math.ceil((cost - available) * microsPerToken))
}

/** A handle that gives back one slot of each of these limits. */
function localSlots(states: number[], slotIndexes: readonly number[]): SlotHandle {
  let released = false
  return {
    signal: new AbortController().signal,
    release: async () => {
      if (released) return
      released = true
      for (const i of slotIndexes) states[i]!--
    },
  }
}

/**
 * The microseconds that a denied client is told to wait when the real time is unknown. By then the
 * limiter asks Redis again.
 */
const RETRY_AFTER = 1_000_000
/** The number of ids whose local state is kept. */
const MAX_IDS = 100_000
