import type { Duration } from '@cache/core'
import { backoff, type OptionChecks } from '@cache/core/internal'

export interface RetryOptions {
  /** The number of failed attempts after which a write becomes a dead letter. Default 8. */
  readonly attempts?: number
  /** The pause before the second attempt. Default 100 ms. */
  readonly backoff?: Duration
  /** The factor by which each further pause grows. Default 2. */
  readonly factor?: number
  /** The longest pause. Default 30 s. */
  readonly max?: Duration
}

export interface RetryPolicy {
  readonly attempts: number
  /**
   * Returns the milliseconds to wait after this many failures. The result is randomized, so that
   * retries do not all come at once.
   */
  delay(failures: number): number
}

/** Checks the option `retry` and returns it with its defaults. */
export function retryPolicy(check: OptionChecks): RetryPolicy {
  const options = check.nested('retry', ['attempts', 'backoff', 'factor', 'max'])
  const first = options.duration('backoff', 100)
  const factor = options.number('factor', { min: 1 }, 2)
  const max = options.duration('max', 30_000)
  return {
    attempts: options.number('attempts', { min: 1, integer: true }, 8),
    delay: (failures) => backoff(failures, { first, max, factor, jitter: 0.25 }),
  }
}
