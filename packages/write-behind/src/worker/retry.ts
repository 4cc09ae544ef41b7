import type { Duration } from '@cache/core'
import type { OptionChecks } from '@cache/core/internal'

export interface RetryOptions {
  /** Failed attempts after which a write becomes a dead letter. Default 8. */
  readonly attempts?: number
  /** How long until the second attempt. Default 100 ms. */
  readonly backoff?: Duration
  /** How many times as long each next one waits. Default 2. */
  readonly factor?: number
  /** How long one waits at most. Default 30 s. */
  readonly max?: Duration
}

export interface Retry {
  readonly attempts: number
  /** Ms after so many failures, with some chance in it, so that they don't all come at once. */
  pause(failures: number): number
}

export function checkRetry(check: OptionChecks): Retry {
  const own = check.nested('retry', ['attempts', 'backoff', 'factor', 'max'])
  const backoff = own.duration('backoff', 100)
  const factor = own.number('factor', { min: 1 }, 2)
  const max = own.duration('max', 30_000)
  return {
    attempts: own.number('attempts', { min: 1, integer: true }, 8),
    pause: (failures) =>
      Math.min(max, backoff * factor ** (failures - 1)) * (0.75 + Math.random() / 4),
  }
}
