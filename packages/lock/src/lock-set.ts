import type { Duration } from '@cache/core'
import type { Lock } from './lock.js'

/** Several locks that are held together: lost as soon as one of them is. */
export class LockSet implements AsyncDisposable {
  /** In the order of their keys. */
  readonly locks: readonly Lock[]
  #controller: AbortController | undefined

  constructor(locks: readonly Lock[]) {
    this.locks = locks
  }

  /** Aborts with the `LockLostError` of the first that is lost. */
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

  /** Ms until the first deadline. */
  get remaining(): number {
    return Math.min(...this.locks.map(({ remaining }) => remaining))
  }

  /** @throws {LockLostError} if one of them is lost. */
  assertHeld(): void {
    for (const lock of this.locks) lock.assertHeld()
  }

  /** All of them. Rejects with the first error. */
  async extend(ttl?: Duration): Promise<void> {
    await Promise.all(this.locks.map((lock) => lock.extend(ttl)))
  }

  /**
   * All of them. `false`: one was not ours any more. Rejects when Redis does not answer, as the
   * `release` of each lock.
   */
  async release(): Promise<boolean> {
    const released = await Promise.allSettled(this.locks.map((lock) => lock.release()))
    for (const one of released) if (one.status === 'rejected') throw one.reason
    return released.every((one) => one.status === 'fulfilled' && one.value)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.locks.map((lock) => lock[Symbol.asyncDispose]()))
  }
}
