import { LockLostError } from './errors.js'
import { LONGEST_TIMER } from './ground.js'
import type { HeldLock } from './held-lock.js'

/**
 * Renews locks at a third of their ttl. Those of one ttl are renewed together, so that their calls leave in one script call per slot;
 * what got no answer is tried again within the third.
 */
export class Renewals {
  readonly #rounds = new Map<number, Round>()

  add(lock: HeldLock): void {
    let round = this.#rounds.get(lock.ttl)
    if (!round) this.#rounds.set(lock.ttl, (round = new Round(lock.ttl)))
    round.add(lock)
  }

  delete(lock: HeldLock): void {
    const round = this.#rounds.get(lock.ttl)
    if (round?.delete(lock)) this.#rounds.delete(lock.ttl)
  }
}

class Round {
  readonly #ttl: number
  readonly #locks = new Set<HeldLock>()
  #next: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined

  constructor(ttl: number) {
    this.#ttl = ttl
  }

  add(lock: HeldLock): void {
    this.#locks.add(lock)
    this.#next ??= setTimeout(() => this.#tick(), this.#pause).unref()
  }

  /** Whether it was the last. */
  delete(lock: HeldLock): boolean {
    this.#locks.delete(lock)
    if (this.#locks.size > 0) return false
    clearTimeout(this.#next)
    clearTimeout(this.#again)
    return true
  }

  get #pause(): number {
    return Math.min(this.#ttl / 3, LONGEST_TIMER)
  }

  #tick(): void {
    clearTimeout(this.#again)
    this.#next = setTimeout(() => this.#tick(), this.#pause).unref()
    void this.#renew([...this.#locks])
  }

  async #renew(locks: readonly HeldLock[]): Promise<void> {
    const unanswered: HeldLock[] = []
    await Promise.all(locks.filter((lock) => lock.renewable).map((lock) =>
      lock.renew(lock.ttl).catch((error: unknown) => { if (!(error instanceof LockLostError)) unanswered.push(lock) })))
    if (unanswered.length === 0) return
    clearTimeout(this.#again)
    this.#again = setTimeout(() => void this.#renew(unanswered.filter((lock) => this.#locks.has(lock))), Math.max(5, this.#pause / 8)).unref()
  }
}
