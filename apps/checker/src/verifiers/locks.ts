import type { Holding, Wait } from '../events.js'
import type { FaultLog } from '../faults/log.js'
import { isCalm, RETENTION, type Verifier } from './verifier.js'

/** The delay that a slow machine may add before a waiter is in the queue. */
const SLACK = 1_000

/**
 * Verifies that a lock never has more holders than its capacity, that fences increase, and that in
 * calm times no waiter overtakes one that has waited longer.
 */
export class LockVerifier implements Verifier<Holding | Wait> {
  readonly #faults: FaultLog
  readonly #holdings = new Map<string, Map<string, Holding>>()
  readonly #waits = new Map<string, Wait[]>()
  readonly #reported = new Set<string>()
  overlapsChecked = 0
  ordersChecked = 0

  constructor(faults: FaultLog) {
    this.#faults = faults
  }

  add(message: Holding | Wait): readonly string[] {
    return message.type === 'wait' ? this.#addWait(message) : this.#addHolding(message)
  }

  #addHolding(message: Holding): readonly string[] {
    const all = this.#holdings.get(message.lock) ?? new Map<string, Holding>()
    this.#holdings.set(message.lock, all)
    const known = all.get(message.holder)
    const holding = known ? { ...message, to: Math.max(known.to, message.to) } : message
    all.set(holding.holder, holding)
    for (const [holder, { to }] of all) if (to < holding.to - RETENTION) all.delete(holder)
    this.overlapsChecked++
    const others = [...all.values()].filter(({ holder }) => holder !== holding.holder)
    return [...this.#verifyExclusion(holding, others), ...this.#verifyFences(holding, others)]
  }

  #verifyExclusion(holding: Holding, others: readonly Holding[]): readonly string[] {
    const { lock, capacity, from, to } = holding
    const overlapping = others.filter((other) => other.from < to && from < other.to)
    // The maximum number of holders is reached when one of the intervals begins.
    const instants = [from, ...overlapping.map((other) => Math.max(other.from, from))]
    for (const instant of instants) {
      const held = [holding, ...overlapping].filter(
        (candidate) => candidate.from <= instant && instant < candidate.to,
      )
      if (held.length <= capacity) continue
      const since = Math.min(...held.map((candidate) => candidate.from))
      if (this.#clockWasSet(since, instant)) continue
      if (holding.onlyWhenCalm && !isCalm(this.#faults, since, instant)) continue
      return this.#reportOnce(`${lock}: ${held.map(format).join(' and ')} held it at once`)
    }
    return []
  }

  #verifyFences(holding: Holding, others: readonly Holding[]): readonly string[] {
    if (holding.capacity > 1) return []
    const increases = (before: number, after: number) =>
      before < after || (holding.onlyWhenCalm === true && before === after)
    const wrong = others.find(
      (other) =>
        (other.to < holding.from && !increases(other.fence, holding.fence)) ||
        (holding.to < other.from && !increases(holding.fence, other.fence)),
    )
    if (!wrong) return []
    if (holding.onlyWhenCalm && !isCalm(this.#faults, holding.from, wrong.from)) return []
    const [first, second] = [wrong.from, holding.from].sort((a, b) => a - b)
    if (this.#clockWasSet(first!, second!)) return []
    return this.#reportOnce(
      `${holding.lock}: the fences of ${format(wrong)} and ${format(holding)} do not increase`,
    )
  }

  #addWait(message: Wait): readonly string[] {
    const waits = (this.#waits.get(message.lock) ?? []).filter(
      ({ granted }) => granted > message.granted - RETENTION,
    )
    this.#waits.set(message.lock, [...waits, message])
    return waits.flatMap((other) => {
      const [first, second] = message.began < other.began ? [message, other] : [other, message]
      if (first.began + SLACK > second.began) return []
      if (!isCalm(this.#faults, first.began, Math.max(first.granted, second.granted))) return []
      this.ordersChecked++
      if (second.granted < first.granted && second.fence < first.fence) {
        return this.#reportOnce(
          `${message.lock}: ${second.holder} overtook ${first.holder}, which waited longer`,
        )
      }
      return []
    })
  }

  /**
   * Setting a clock forward ends locks at once. Their holders notice that later, or even that they
   * hold the lock.
   */
  #clockWasSet(from: number, to: number): boolean {
    return this.#faults.any(from - SLACK, to, ['clock'])
  }

  #reportOnce(description: string): readonly string[] {
    if (this.#reported.has(description)) return []
    this.#reported.add(description)
    return [description]
  }
}

function format({ holder, fence, from, to }: Holding): string {
  return `${holder} (fence ${fence}, ${from.toFixed(0)} to ${to.toFixed(0)})`
}
