import type { Holding, Wait } from '../events.js'
import type { FaultLog } from '../faults/log.js'
import { calm, KEPT_FOR, type Judge } from './judge.js'

/** What a slow machine may add between the call and the place in the queue. */
const SLACK = 1_000

/**
 * Nobody holds a lock while others do, beyond its capacity; fences rise; and in calm times nobody
 * overtakes who has waited longer.
 */
export class LockJudge implements Judge<Holding | Wait> {
  readonly #faults: FaultLog
  readonly #holdings = new Map<string, Map<string, Holding>>()
  readonly #waits = new Map<string, Wait[]>()
  readonly #reported = new Set<string>()
  overlapsChecked = 0
  ordersChecked = 0

  constructor(faults: FaultLog) {
    this.#faults = faults
  }

  hear(told: Holding | Wait): readonly string[] {
    return told.type === 'wait' ? this.#hearWait(told) : this.#hearHolding(told)
  }

  #hearHolding(told: Holding): readonly string[] {
    const all = this.#holdings.get(told.lock) ?? new Map<string, Holding>()
    this.#holdings.set(told.lock, all)
    const known = all.get(told.holder)
    const holding = known ? { ...told, to: Math.max(known.to, told.to) } : told
    all.set(holding.holder, holding)
    for (const [holder, { to }] of all) if (to < holding.to - KEPT_FOR) all.delete(holder)
    this.overlapsChecked++
    const others = [...all.values()].filter(({ holder }) => holder !== holding.holder)
    return [...this.#overlaps(holding, others), ...this.#fences(holding, others)]
  }

  #overlaps(holding: Holding, others: readonly Holding[]): readonly string[] {
    const { lock, capacity, from, to } = holding
    const meanwhile = others.filter((other) => other.from < to && from < other.to)
    // The most that were held at one moment: at the beginning of one of them.
    const moments = [from, ...meanwhile.map((other) => Math.max(other.from, from))]
    for (const moment of moments) {
      const held = [holding, ...meanwhile].filter((one) => one.from <= moment && moment < one.to)
      if (held.length <= capacity) continue
      const since = Math.min(...held.map((one) => one.from))
      if (this.#clockWasSet(since, moment)) continue
      if (holding.onlyWhenCalm && !calm(this.#faults, since, moment)) continue
      return this.#once(`${lock}: ${held.map(shown).join(' and ')} held it at once`)
    }
    return []
  }

  #fences(holding: Holding, others: readonly Holding[]): readonly string[] {
    if (holding.capacity > 1) return []
    const rises = (before: number, after: number) =>
      before < after || (holding.onlyWhenCalm === true && before === after)
    const wrong = others.find(
      (other) =>
        (other.to < holding.from && !rises(other.fence, holding.fence)) ||
        (holding.to < other.from && !rises(holding.fence, other.fence)),
    )
    if (!wrong) return []
    if (holding.onlyWhenCalm && !calm(this.#faults, holding.from, wrong.from)) return []
    const [first, second] = [wrong.from, holding.from].sort((a, b) => a - b)
    if (this.#clockWasSet(first!, second!)) return []
    return this.#once(
      `${holding.lock}: the fences of ${shown(wrong)} and ${shown(holding)} do not rise`,
    )
  }

  #hearWait(told: Wait): readonly string[] {
    const waits = (this.#waits.get(told.lock) ?? []).filter(
      ({ granted }) => granted > told.granted - KEPT_FOR,
    )
    this.#waits.set(told.lock, [...waits, told])
    return waits.flatMap((other) => {
      const [first, second] = told.began < other.began ? [told, other] : [other, told]
      if (first.began + SLACK > second.began) return []
      if (!calm(this.#faults, first.began, Math.max(first.granted, second.granted))) return []
      this.ordersChecked++
      if (second.granted < first.granted && second.fence < first.fence) {
        return this.#once(
          `${told.lock}: ${second.holder} overtook ${first.holder}, which waited longer`,
        )
      }
      return []
    })
  }

  /**
   * A clock that is set forward ends locks at once. Their holders learn of it later, or even that
   * they have it.
   */
  #clockWasSet(from: number, to: number): boolean {
    return this.#faults.any(from - SLACK, to, ['clock'])
  }

  #once(what: string): readonly string[] {
    if (this.#reported.has(what)) return []
    this.#reported.add(what)
    return [what]
  }
}

function shown({ holder, fence, from, to }: Holding): string {
  return `${holder} (fence ${fence}, ${from.toFixed(0)} to ${to.toFixed(0)})`
}
