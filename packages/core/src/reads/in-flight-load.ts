import { CacheError } from '../errors.js'
import { LazySignal } from '../util/lazy-signal.js'
import { onAbort } from '../util/on-abort.js'
import { timerDelay } from '../util/timer-delay.js'

/** The result of a load, with the callers that may use it. */
export interface LoadResult<T> {
  readonly value: T
  /**
   * The number of the last arrival (see `LogicalClock`) that may use the value. A call that arrived
   * later may know of an invalidation that the value does not reflect.
   */
  readonly validUntil: number
  /** Redis did not answer a step of this load. */
  readonly redisDown: boolean
}

/**
 * One load that many callers of this process wait for.
 *
 * Its `abandoned` signal aborts when the last caller stops waiting. The caller that started the
 * load waits until it ends. All others wait at most until `joinableFor` ms after the start, so a
 * loader that hangs blocks its own caller but not every later one.
 */
export class InFlightLoad<T> {
  readonly result: Promise<LoadResult<T>>
  /** Aborts when no caller waits any more. */
  readonly abandoned = new LazySignal()
  readonly #joinableUntil: number
  #waiting = 0
  #overdue: Promise<undefined> | undefined

  constructor(joinableFor: number, start: (load: InFlightLoad<T>) => Promise<LoadResult<T>>) {
    this.#joinableUntil = performance.now() + joinableFor
    this.result = start(this)
    // If every caller has stopped waiting, nobody handles the rejection.
    this.result.catch(() => undefined)
  }

  /** Whether other callers may still join. */
  get isJoinable(): boolean {
    return !this.abandoned.aborted && performance.now() < this.#joinableUntil
  }

  /**
   * Waits as the caller that started the load. Rejects with the reason of `signal` as soon as it
   * aborts.
   */
  wait(signal: AbortSignal | undefined): Promise<LoadResult<T>> {
    this.#waiting++
    return signal ? this.#orAborted(this.result, signal) : this.result
  }

  /**
   * Waits as a caller that joined the load. Resolves to `undefined` if the load takes longer than
   * it is joinable. Rejects with the reason of `signal` as soon as it aborts.
   */
  async join(signal: AbortSignal | undefined): Promise<LoadResult<T> | undefined> {
    this.#waiting++
    const resultOrOverdue = Promise.race([this.result, (this.#overdue ??= this.#becomesOverdue())])
    const result = await (signal ? this.#orAborted(resultOrOverdue, signal) : resultOrOverdue)
    if (result === undefined)
      this.#leave(
        new CacheError('The load takes too long. Its last caller has stopped waiting for it.', {
          code: 'LOAD_OVERDUE',
        }),
      )
    return result
  }

  /**
   * Resolves once the load has ended, or is no longer joinable. Does not count as waiting for
   * it.
   */
  async ended(): Promise<void> {
    const overdue = (this.#overdue ??= this.#becomesOverdue())
    await Promise.race([this.result, overdue]).catch(() => undefined)
  }

  async #orAborted<R>(result: Promise<R>, signal: AbortSignal): Promise<R> {
    const abort = rejectOnAbort(signal)
    try {
      return await Promise.race([result, abort.promise])
    } finally {
      abort.stopListening()
      if (signal.aborted) this.#leave(signal.reason)
    }
  }

  #becomesOverdue(): Promise<undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => resolve(undefined),
        timerDelay(Math.max(0, this.#joinableUntil - performance.now())),
      )
      const clear = (): void => clearTimeout(timer)
      this.result.then(clear, clear)
    })
  }

  #leave(reason: unknown): void {
    this.#waiting--
    if (this.#waiting === 0) this.abandoned.abort(reason)
  }
}

function rejectOnAbort(signal: AbortSignal): {
  readonly promise: Promise<never>
  stopListening(): void
} {
  let stopListening!: () => void
  const promise = new Promise<never>((_, reject) => {
    stopListening = onAbort(signal, reject)
  })
  return { promise, stopListening }
}
