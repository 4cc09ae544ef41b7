import { onAbort, withTimeLimit, type Deadline, type Handle } from '@cache/core/internal'
import { LockTimeoutError } from '../errors.js'
import type { Closing } from './closing.js'
import { deadlines } from './deadlines.js'

/** What ends a wait for a lock. */
export interface WaitLimits {
  /** In ms. */
  readonly wait: number
  /** The caller's signal. Its reason is what the caller gets when it aborts. */
  readonly signal: AbortSignal | undefined
  readonly closing: Closing
}

/**
 * Waits for `work`, but not beyond the limits. If a limit is reached first, it rejects with the
 * same errors as `acquireLock`.
 */
export async function withinLimits<T>(
  work: Promise<T>,
  name: string,
  { wait, signal, closing }: WaitLimits,
): Promise<T> {
  const end = new WaitEnd(wait, signal, closing)
  try {
    const outcome = await end.orOutcomeOf(work)
    if (outcome === 'ended') throw end.reason() ?? new LockTimeoutError(name, wait)
    if (outcome instanceof Error) throw outcome
    return outcome
  } finally {
    end.clear()
  }
}

/**
 * Waits up to 50 ms for `work`, which must not reject.
 *
 * A release that follows an unsuccessful request is waited for in this way, so that its caller
 * finds nothing left. Redis may be silent, so the wait is bounded.
 */
export async function waitBriefly(work: Promise<unknown>): Promise<void> {
  await withTimeLimit(BRIEF_WAIT, work).catch(() => undefined)
}

/** The end of a wait: its time is up, the caller's signal aborts, or the locks are closed. */
export class WaitEnd {
  readonly #deadline: Handle<Deadline>
  readonly #signal: AbortSignal | undefined
  readonly #closing: Closing
  readonly #forgetClosing: () => void
  readonly #forgetSignal: (() => void) | undefined
  #ended = false
  /** Settles the current call of `orOutcomeOf`. */
  #settle: ((outcome: 'ended') => void) | undefined

  constructor(wait: number, signal: AbortSignal | undefined, closing: Closing) {
    const end = (): void => {
      this.#ended = true
      this.#settle?.('ended')
    }
    this.#signal = signal
    this.#closing = closing
    this.#forgetClosing = closing.onClose(end)
    this.#forgetSignal = signal && onAbort(signal, end)
    this.#deadline = deadlines.set(wait, end)
  }

  /** The reason of the signal or of the closing. `undefined` if the time is up. */
  reason(): unknown {
    return this.#signal?.aborted ? this.#signal.reason : this.#closing.reason
  }

  /**
   * Resolves to the result or the error of `work`, or to `'ended'` if the wait ends first. There is
   * one call at a time.
   */
  orOutcomeOf<T>(work: Promise<T>): Promise<T | Error | 'ended'> {
    // A `Promise.race` would allocate more, and every lock that is acquired comes by here.
    return new Promise((resolve) => {
      this.#settle = resolve
      work.then(resolve, resolve)
      if (this.#ended) resolve('ended')
    })
  }

  clear(): void {
    deadlines.done(this.#deadline)
    this.#forgetClosing()
    this.#forgetSignal?.()
  }
}

/** A pause before the next attempt, which a message from Redis can cut short. */
export class RetryTimer {
  #resume: (() => void) | undefined
  #woken = false
  #fence: number | undefined
  #timer: NodeJS.Timeout | undefined

  /** The fence of the lock that was handed over since the last `reset`, if any. */
  get fence(): number | undefined {
    return this.#fence
  }

  /** Ends the current pause, or skips the next one if none has begun since the last `reset`. */
  wake(fence?: number): void {
    this.#woken = true
    this.#fence = fence ?? this.#fence
    this.#resume?.()
  }

  /** Call it before each attempt. A `wake` that comes during the attempt then counts. */
  reset(): void {
    this.clear()
    this.#woken = false
    this.#fence = undefined
  }

  wait(ms: number): Promise<void> {
    return this.#woken
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#resume = resolve
          this.#timer = setTimeout(resolve, ms)
        })
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#resume = undefined
  }
}

const BRIEF_WAIT = 50
