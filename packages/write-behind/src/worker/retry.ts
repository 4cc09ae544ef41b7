import type { Duration } from '@cache/core'
import {
  backoff,
  durationOption,
  groupOption,
  numberOption,
  type OptionTable,
} from '@cache/core/internal'

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

/** The option `retry`. */
export const retryOption = groupOption({
  attempts: numberOption({ min: 1, integer: true }, 8),
  backoff: durationOption('100ms'),
  factor: numberOption({ min: 1 }, 2),
  max: durationOption('30s'),
} satisfies OptionTable<RetryOptions>)

export function retryPolicy({
  attempts,
  backoff: first,
  factor,
  max,
}: ReturnType<typeof retryOption.check>): RetryPolicy {
  return {
    attempts,
    delay: (failures) => backoff(failures, { first, max, factor, jitter: 0.25 }),
  }
}
