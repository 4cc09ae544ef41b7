import type { Decision } from '../events.js'
import type { FaultLog } from '../faults/log.js'
import { policies, type Policy } from '../patterns/ratelimit.js'
import { isCalm, RETENTION, type Verifier } from './verifier.js'

/** Times in µs as BigInt, so that sums are exact, however long a run is. */
interface Charge {
  readonly requested: bigint
  readonly answered: bigint
  readonly cost: bigint
  readonly outcome: Decision['outcome']
}

/** The µs in which every healthy process has reported its decisions. */
const REPORT_DELAY = 10_000_000n

/** What a policy allows. */
interface Model {
  /** Returns whether `cost` can be admitted within a time of this length, both ends included. */
  allows(cost: bigint, within: bigint): boolean
  /**
   * Returns whether `cost` can be denied at the end of a time of this length in which `charged` was
   * charged.
   */
  mayDeny(cost: bigint, charged: bigint, within: bigint): boolean
}

/** Returns a model with `capacity` at once, and `refill` more in each `interval`. */
function bucket(capacity: number, refill: number, intervalMs: number): Model {
  const [max, more, interval] = [BigInt(capacity), BigInt(refill), BigInt(intervalMs) * 1_000n]
  const left = (charged: bigint, within: bigint) =>
    max * interval - charged * interval + more * within
  return {
    allows: (cost, within) => left(cost, within) >= 0n,
    mayDeny: (cost, charged, within) => left(charged, within) < cost * interval,
  }
}

/** Returns a model with `limit` in each window. `edges` windows can touch the same interval. */
function windowed(limit: number, windowMs: number, edges: bigint): Model {
  const [max, window] = [BigInt(limit), BigInt(windowMs) * 1_000n]
  return {
    allows: (cost, within) => cost <= max * (within / window + edges),
    // All charges that still count were made within one window before.
    mayDeny: (cost, charged, within) => within <= window && charged + cost > max,
  }
}

const models: Record<Policy, Model> = {
  slidingWindow: windowed(policies.slidingWindow.limit, 2_000, 1n),
  fixedWindow: windowed(policies.fixedWindow.limit, 2_000, 2n),
  tokenBucket: bucket(15, 5, 1_000),
  gcra: bucket(12, 10, 1_000),
}

/**
 * Verifies that no policy admits more than it allows in any interval, and that in calm times it
 * denies nothing that it allows. Each decision was made at some time between request and answer.
 */
export class LimitVerifier implements Verifier<Decision> {
  readonly #faults: FaultLog
  readonly #charges = new Map<string, Charge[]>()
  /** Denials that wait, because other processes may not have reported their charges yet. */
  #denials: { readonly key: string; readonly model: Model; readonly charge: Charge }[] = []
  checked = 0
  denialsChecked = 0

  constructor(faults: FaultLog) {
    this.#faults = faults
  }

  add({ policy, id, ...decision }: Decision): readonly string[] {
    const key = `${policy} of ${id}`
    const charge = chargeOf(decision)
    const since = charge.answered - BigInt(RETENTION) * 1_000n
    const charges = (this.#charges.get(key) ?? []).filter(({ answered }) => answered > since)
    charges.push(charge)
    this.#charges.set(key, charges)
    if (decision.outcome === 'unknown') return []
    const model = models[policy as Policy]
    if (decision.outcome === 'denied') this.#denials.push({ key, model, charge })
    const admission =
      decision.outcome === 'admitted' ? this.#verifyAdmission(key, model, charge, charges) : []
    return [...admission, ...this.#verifyDenials(charge.answered - REPORT_DELAY)]
  }

  #verifyDenials(until: bigint): readonly string[] {
    const due = this.#denials.filter(({ charge }) => charge.answered < until)
    if (due.length === 0) return []
    this.#denials = this.#denials.filter(({ charge }) => charge.answered >= until)
    return due.flatMap(({ key, model, charge }) =>
      this.#verifyDenial(key, model, charge, this.#charges.get(key) ?? []),
    )
  }

  #verifyAdmission(
    key: string,
    model: Model,
    charge: Charge,
    charges: readonly Charge[],
  ): readonly string[] {
    this.checked++
    const admitted = charges.filter(({ outcome }) => outcome === 'admitted')
    for (const first of admitted) {
      if (first.requested > charge.requested) continue
      for (const last of admitted) {
        if (last.answered < charge.answered) continue
        const [from, to] = [first.requested, last.answered]
        const within = admitted.filter(
          ({ requested, answered }) => requested >= from && answered <= to,
        )
        const cost = sum(within)
        if (model.allows(cost, to - from) || this.#clockWasSet(from, to)) continue
        return [`${key}: ${cost} were admitted within ${(to - from) / 1_000n} ms`]
      }
    }
    return []
  }

  #verifyDenial(
    key: string,
    model: Model,
    charge: Charge,
    charges: readonly Charge[],
  ): readonly string[] {
    const longestWindow = 8_000
    const [requested, answered] = [milliseconds(charge.requested), milliseconds(charge.answered)]
    if (!isCalm(this.#faults, requested - longestWindow, answered)) return []
    this.denialsChecked++
    const before = charges.filter(
      (other) =>
        other !== charge && other.outcome !== 'denied' && other.requested <= charge.answered,
    )
    for (const first of before) {
      const charged = sum(before.filter(({ answered: at }) => at >= first.answered))
      const passed = charge.requested > first.answered ? charge.requested - first.answered : 0n
      if (model.mayDeny(charge.cost, charged, passed)) return []
    }
    return [`${key}: ${charge.cost} were denied although the limit allows them`]
  }

  /** Includes the time before, because the clock of Redis may have advanced on its own. */
  #clockWasSet(from: bigint, to: bigint): boolean {
    return this.#faults.any(milliseconds(from) - RETENTION / 10, milliseconds(to), ['clock'])
  }
}

function chargeOf({ requested, answered, cost, outcome }: Omit<Decision, 'policy' | 'id'>): Charge {
  const micros = (time: number) => BigInt(Math.round(time * 1_000))
  return { requested: micros(requested), answered: micros(answered), cost: BigInt(cost), outcome }
}

function sum(charges: readonly Charge[]): bigint {
  return charges.reduce((total, { cost }) => total + cost, 0n)
}

function milliseconds(micros: bigint): number {
  return Number(micros) / 1_000
}
