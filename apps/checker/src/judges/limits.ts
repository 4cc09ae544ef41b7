import type { Decision } from '../events.js'
import type { FaultLog } from '../faults/log.js'
import { policies, type Policy } from '../patterns/ratelimit.js'
import { calm, KEPT_FOR, type Judge } from './judge.js'

/** µs, in BigInt: exact, however long a run is. */
interface Charge {
  readonly asked: bigint
  readonly answered: bigint
  readonly cost: bigint
  readonly outcome: Decision['outcome']
}

/** µs in which every process that is well has told what it did. */
const TOLD_WITHIN = 10_000_000n

/** What a policy allows. */
interface Model {
  /** Whether so much can have been admitted within a time of this length, both ends included. */
  allows(cost: bigint, within: bigint): boolean
  /**
   * Whether this cost can be denied at the end of a time of this length, in which so much was
   * charged.
   */
  mayDeny(cost: bigint, charged: bigint, within: bigint): boolean
}

/** `capacity` at once, and `refill` more in each `interval`. */
function bucket(capacity: number, refill: number, intervalMs: number): Model {
  const [most, more, interval] = [BigInt(capacity), BigInt(refill), BigInt(intervalMs) * 1_000n]
  const left = (charged: bigint, within: bigint) =>
    most * interval - charged * interval + more * within
  return {
    allows: (cost, within) => left(cost, within) >= 0n,
    mayDeny: (cost, charged, within) => left(charged, within) < cost * interval,
  }
}

/** `limit` in each window, wherever it begins; `windows`: how many can lie side by side. */
function windowed(limit: number, windowMs: number, edges: bigint): Model {
  const [most, window] = [BigInt(limit), BigInt(windowMs) * 1_000n]
  return {
    allows: (cost, within) => cost <= most * (within / window + edges),
    // Everything that still counts was charged within one window before.
    mayDeny: (cost, charged, within) => within <= window && charged + cost > most,
  }
}

const models: Record<Policy, Model> = {
  slidingWindow: windowed(policies.slidingWindow.limit, 2_000, 1n),
  fixedWindow: windowed(policies.fixedWindow.limit, 2_000, 2n),
  tokenBucket: bucket(15, 5, 1_000),
  gcra: bucket(12, 10, 1_000),
}

/**
 * No more is admitted than the policy allows in any time; and in calm times nothing is denied that
 * it allows. A decision was made at some moment between question and answer.
 */
export class LimitJudge implements Judge<Decision> {
  readonly #faults: FaultLog
  readonly #charges = new Map<string, Charge[]>()
  /** Other processes may not have told yet what they were charged. */
  #denials: { readonly key: string; readonly model: Model; readonly told: Charge }[] = []
  checked = 0
  denialsChecked = 0

  constructor(faults: FaultLog) {
    this.#faults = faults
  }

  hear({ policy, id, ...decision }: Decision): readonly string[] {
    const key = `${policy} of ${id}`
    const told = chargeOf(decision)
    const since = told.answered - BigInt(KEPT_FOR) * 1_000n
    const charges = (this.#charges.get(key) ?? []).filter(({ answered }) => answered > since)
    charges.push(told)
    this.#charges.set(key, charges)
    if (decision.outcome === 'unknown') return []
    const model = models[policy as Policy]
    if (decision.outcome === 'denied') this.#denials.push({ key, model, told })
    const admission =
      decision.outcome === 'admitted' ? this.#judgeAdmission(key, model, told, charges) : []
    return [...admission, ...this.#judgeDenials(told.answered - TOLD_WITHIN)]
  }

  #judgeDenials(until: bigint): readonly string[] {
    const due = this.#denials.filter(({ told }) => told.answered < until)
    if (due.length === 0) return []
    this.#denials = this.#denials.filter(({ told }) => told.answered >= until)
    return due.flatMap(({ key, model, told }) =>
      this.#judgeDenial(key, model, told, this.#charges.get(key) ?? []),
    )
  }

  #judgeAdmission(
    key: string,
    model: Model,
    told: Charge,
    charges: readonly Charge[],
  ): readonly string[] {
    this.checked++
    const admitted = charges.filter(({ outcome }) => outcome === 'admitted')
    for (const first of admitted) {
      if (first.asked > told.asked) continue
      for (const last of admitted) {
        if (last.answered < told.answered) continue
        const [from, to] = [first.asked, last.answered]
        const within = admitted.filter(({ asked, answered }) => asked >= from && answered <= to)
        const cost = sum(within)
        if (model.allows(cost, to - from) || this.#clockWasSet(from, to)) continue
        return [`${key}: ${cost} were admitted within ${(to - from) / 1_000n} ms`]
      }
    }
    return []
  }

  #judgeDenial(
    key: string,
    model: Model,
    told: Charge,
    charges: readonly Charge[],
  ): readonly string[] {
    const longest = 8_000
    const [asked, answered] = [milliseconds(told.asked), milliseconds(told.answered)]
    if (!calm(this.#faults, asked - longest, answered)) return []
    this.denialsChecked++
    const before = charges.filter(
      (charge) => charge !== told && charge.outcome !== 'denied' && charge.asked <= told.answered,
    )
    for (const first of before) {
      const charged = sum(before.filter(({ answered: at }) => at >= first.answered))
      const passed = told.asked > first.answered ? told.asked - first.answered : 0n
      if (model.mayDeny(told.cost, charged, passed)) return []
    }
    return [`${key}: ${told.cost} were denied although the limit allows them`]
  }

  /** Also a moment before: time may have passed for Redis that did not pass here. */
  #clockWasSet(from: bigint, to: bigint): boolean {
    return this.#faults.any(milliseconds(from) - KEPT_FOR / 10, milliseconds(to), ['clock'])
  }
}

function chargeOf({ asked, answered, cost, outcome }: Omit<Decision, 'policy' | 'id'>): Charge {
  const micros = (time: number) => BigInt(Math.round(time * 1_000))
  return { asked: micros(asked), answered: micros(answered), cost: BigInt(cost), outcome }
}

function sum(charges: readonly Charge[]): bigint {
  return charges.reduce((total, { cost }) => total + cost, 0n)
}

function milliseconds(micros: bigint): number {
  return Number(micros) / 1_000
}
