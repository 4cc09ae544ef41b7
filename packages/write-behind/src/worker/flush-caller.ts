import { channels } from '@cache/core'
import { emit, onAbort, timerDelay } from '@cache/core/internal'
import type { WriteId } from '../partitions.js'
import type { Flush, PendingWrite } from './flush.js'

interface Dependencies<T, Id extends WriteId> {
  readonly prefix: string
  readonly flush: Flush<T, Id>
  /** Milliseconds. */
  readonly flushTimeout: number
  readonly fence: number
  readonly partition: number
  /** Aborts when the partition is lost. */
  readonly lost: AbortSignal
}

/** Calls the user's `flush` for one partition, with its timeout. */
export class FlushCaller<T, Id extends WriteId> {
  readonly #dependencies: Dependencies<T, Id>
  #lastCall: Promise<unknown> = Promise.resolve()

  constructor(dependencies: Dependencies<T, Id>) {
    this.#dependencies = dependencies
  }

  /** Resolves when the last call of `flush` has settled or has used up `flushTimeout`. */
  get ended(): Promise<unknown> {
    return this.#lastCall
  }

  /**
   * Calls `flush` and resolves to what it returns. Rejects when `flushTimeout` has passed or the
   * partition is lost, even if `flush` has not settled.
   */
  async call(batch: readonly PendingWrite<T, Id>[]): Promise<unknown> {
    const { prefix, flush, flushTimeout, fence, partition, lost } = this.#dependencies
    const controller = new AbortController()
    const startedAt = performance.now()
    let expire: () => void
    const expired = new Promise<void>((resolve) => {
      expire = resolve
    })
    const timer = setTimeout(() => {
      expire()
      controller.abort(new Error(`flush took longer than "flushTimeout", ${flushTimeout} ms`))
    }, timerDelay(flushTimeout))
    const removeListener = onAbort(lost, () => controller.abort(lost.reason))
    const aborted = new Promise<never>((_, reject) => onAbort(controller.signal, reject))
    const answer = (async () => flush(batch, { fence, partition, signal: controller.signal }))()
    this.#lastCall = Promise.race([answer.catch(() => undefined), expired]).then(() =>
      clearTimeout(timer),
    )
    try {
      return await Promise.race([answer, aborted])
    } finally {
      removeListener()
      emit(channels.flush, () => ({
        name: prefix,
        writes: batch.length,
        ms: performance.now() - startedAt,
      }))
    }
  }
}
