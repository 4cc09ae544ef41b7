import type { Duration } from './duration.js'
import type { OptionChecks } from './options.js'

export interface ResilienceOptions {
  /** How long a read waits for Redis before the source is asked. Default 250 ms. */
  readonly readTimeout?: Duration
  /** How long a write waits for Redis before it rejects. Default 1 s. */
  readonly writeTimeout?: Duration
  /** Requests that may wait for Redis at once; more are refused at once with a `ConnectionError` (`OVERLOADED`). Default 10 000. */
  readonly maxInFlight?: number
  /**
   * After `failures` sends in a row without an answer (default 5), nothing is sent for `cooldown` (default 1 s); then one goes first. On a
   * Cluster each primary has a breaker of its own; so has each shard, which `shardedDriver` is told of.
   */
  readonly breaker?: { readonly failures?: number; readonly cooldown?: Duration }
}

export interface Resilience extends Breaker {
  readonly readTimeout: number
  readonly writeTimeout: number
  readonly maxInFlight: number
}

export interface Breaker {
  readonly failures: number
  /** Ms. */
  readonly cooldown: number
}

export function checkResilience(options: OptionChecks): Resilience {
  const own = options.nested('resilience', ['readTimeout', 'writeTimeout', 'maxInFlight', 'breaker'])
  return {
    readTimeout: own.duration('readTimeout', 250),
    writeTimeout: own.duration('writeTimeout', 1_000),
    maxInFlight: own.number('maxInFlight', { min: 1, integer: true }, 10_000),
    ...checkBreaker(own),
  }
}

/** The option `breaker`. */
export function checkBreaker(options: OptionChecks): Breaker {
  const breaker = options.nested('breaker', ['failures', 'cooldown'])
  return { failures: breaker.number('failures', { min: 1, integer: true }, 5), cooldown: breaker.duration('cooldown', 1_000) }
}
