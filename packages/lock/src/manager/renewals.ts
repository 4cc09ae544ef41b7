import { SwapList } from '@cache/core/internal'
import { LockLostError } from '../errors.js'
import { LONGEST_TIMER } from '../backends/backend.js'
import type { HeldLock } from './held-lock.js'

/**
 * Renews locks at a third of their ttl. Those of one ttl are renewed together, so that their calls
 * leave in one script call per slot; what got no answer is tried again within the third.
 */
export class Renewals {
  readonly #rounds = new Map<number, Round>()

  /** Until what it returns is called. */
  add(lock: HeldLock): () => void {
    const { ttl } = lock
    let round = this.#rounds.get(ttl)
    if (!round) this.#rounds.set(ttl, (round = new Round(ttl, () => this.#rounds.delete(ttl))))
    return round.add(lock)
  }
}

class Round {
  readonly #pause: number
  readonly #onEmpty: () => void
  readonly #locks = new SwapList<HeldLock>()
  #again: NodeJS.Timeout | undefined

  constructor(ttl: number, onEmpty: () => void) {
    this.#pause = Math.min(ttl / 3, LONGEST_TIMER)
    this.#onEmpty = onEmpty
    this.#arm()
  }

  add(lock: HeldLock): () => void {
    const seat = this.#locks.add(lock)
    return () => void this.#locks.delete(seat)
  }

  #arm(): void {
    setTimeout(() => this.#tick(), this.#pause).unref()
  }

  /**
   * The timer outlives the last lock until here: one for each that comes and goes would cost more
   * than it saves.
   */
  #tick(): void {
    clearTimeout(this.#again)
    if (this.#locks.size === 0) return this.#onEmpty()
    this.#arm()
    void this.#renew([...this.#locks])
  }

  async #renew(locks: readonly HeldLock[]): Promise<void> {
    const unanswered: HeldLock[] = []
    await Promise.all(
      locks
        .filter((lock) => lock.renewable)
        .map((lock) =>
          lock.renew(lock.ttl).catch((error: unknown) => {
            if (!(error instanceof LockLostError)) unanswered.push(lock)
          }),
        ),
    )
    if (unanswered.length === 0) return
    clearTimeout(this.#again)
    this.#again = setTimeout(
      () => void this.#renew(unanswered),
      Math.max(5, this.#pause / 8),
    ).unref()
  }
}
