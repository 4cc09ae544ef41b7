import type { Duration } from '@cache/core'
import type { Lock } from './lock.js'

/** Several locks that are held together. The set is lost as soon as one of its locks is. */
export class LockSet implements AsyncDisposable {
  /** The locks, in the order of their keys. */
  readonly locks: readonly Lock[]
  #controller: AbortController | undefined

  constructor(locks: readonly Lock[]) {
    this.locks = locks
  }

  /** Aborts with the `LockLostError` of the first lock that is lost. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      const controller = (this.#controller = new AbortController())
      for (const { signal } of this.locks) {
        if (signal.aborted) controller.abort(signal.reason)
        else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true })
      }
    }
    return this.#controller.signal
  }

  /** In ms: the time until the earliest deadline. */
  get remaining(): number {
    return Math.min(...this.locks.map(({ remaining }) => remaining))
  }

  /**
   * Checks that all locks are held.
   *
   * @throws {LockLostError} If one of them is lost.
   */
  assertHeld(): void {
    for (const lock of this.locks) lock.assertHeld()
  }

  /** Extends all locks. Rejects with the first error. */
  async extend(ttl?: Duration): Promise<void> {
    await Promise.all(this.locks.map((lock) => lock.extend(ttl)))
  }

  /**
   * Releases all locks. Resolves to `false` if one of them was already lost. Rejects if Redis does
   * not answer, like the `release` of each lock.
   */
  async release(): Promise<boolean> {
    const results = await Promise.allSettled(this.locks.map((lock) => lock.release()))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return results.every((result) => result.status === 'fulfilled' && result.value)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.locks.map((lock) => lock[Symbol.asyncDispose]()))
  }
}
