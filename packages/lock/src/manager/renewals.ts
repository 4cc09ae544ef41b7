import { SwapList, timerDelay } from '@cache/core/internal'
import { LockLostError } from '../errors.js'
import { deadlines } from './deadlines.js'
import type { HeldLock } from './held-lock.js'

/**
 * Renews held locks each third of their ttl.
 *
 * Locks with the same ttl are renewed together, so that their calls are sent as one script call per
 * slot. A renewal that gets no reply is retried within the third.
 */
export class Renewals {
  readonly #groups = new Map<number, RenewalGroup>()

  /** Renews the lock from now on. Returns a function that stops it. */
  add(lock: HeldLock): () => void {
    const { ttl } = lock
    let group = this.#groups.get(ttl)
    if (!group) {
      group = new RenewalGroup(ttl, () => this.#groups.delete(ttl))
      this.#groups.set(ttl, group)
    }
    return group.add(lock)
  }

  /**
   * Renews a lock that was handed over once, soon, because it has less than its ttl. With `renew`,
   * it is then renewed like the others. Returns a function that stops it.
   */
  addHandedOver(lock: HeldLock, renew: boolean): () => void {
    let stop = (): void => undefined
    let stopped = false
    const renewLater = (): void => {
      const due = deadlines.set(Math.min(FIRST_RENEWAL, lock.remaining / 3), () => void renewOnce())
      stop = () => deadlines.done(due)
    }
    const renewOnce = async (): Promise<void> => {
      try {
        if (lock.renewable) await lock.renew(lock.ttl)
        if (renew && !stopped) stop = this.add(lock)
      } catch (error) {
        if (!(error instanceof LockLostError) && !stopped) renewLater()
      }
    }
    renewLater()
    return () => {
      stopped = true
      stop()
    }
  }
}

/** The locks with one ttl. */
class RenewalGroup {
  readonly #pause: number
  readonly #onEmpty: () => void
  readonly #locks = new SwapList<HeldLock>()
  #retryTimer: NodeJS.Timeout | undefined

  constructor(ttl: number, onEmpty: () => void) {
    this.#pause = timerDelay(ttl / 3)
    this.#onEmpty = onEmpty
    this.#startTimer()
  }

  add(lock: HeldLock): () => void {
    const handle = this.#locks.add(lock)
    return () => void this.#locks.delete(handle)
  }

  #startTimer(): void {
    setTimeout(() => this.#tick(), this.#pause).unref()
  }

  /**
   * Renews all locks of the group. An empty group ends only here, and not when its last lock is
   * released: a timer for each lock that comes and goes would cost more than it saves.
   */
  #tick(): void {
    clearTimeout(this.#retryTimer)
    if (this.#locks.size === 0) return this.#onEmpty()
    this.#startTimer()
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
    clearTimeout(this.#retryTimer)
    this.#retryTimer = setTimeout(
      () => void this.#renew(unanswered),
      Math.max(5, this.#pause / 8),
    ).unref()
  }
}

/** In ms: when a lock that was handed over is renewed, if it is still held by then. */
const FIRST_RENEWAL = 50
