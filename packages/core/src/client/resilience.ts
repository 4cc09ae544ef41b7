import type { Duration } from '../util/duration.js'
import type { OptionChecks } from '../util/options.js'

export interface ResilienceOptions {
  /** How long a read waits for Redis before the source is asked. Default 250 ms. */
  readonly readTimeout?: Duration
  /** How long a write waits for Redis before it rejects. Default 1 s. */
  readonly writeTimeout?: Duration
  /**
   * Requests that may wait for Redis at once; more are refused at once with a `ConnectionError`
   * (`OVERLOADED`). Default 10 000.
   */
  readonly maxInFlight?: number
  /**
   * The circuit breaker. It opens when a server has sent nothing at all since a command older than
   * `writeTimeout`, after at least `failures` sends in a row without an answer (default 5): nothing
   * is sent for `cooldown` (default 1 s) then, and one send after it goes first. A reply that is
   * too late for its caller is a sign of life, so a short timeout of one caller closes nobody out.
   * On a Cluster each primary has a breaker of its own; so has each shard, which `shardedDriver` is
   * told of.
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
  /** Ms that a server has to be silent. */
  readonly silence: number
  /** Ms. */
  readonly cooldown: number
}

export function checkResilience(options: OptionChecks): Resilience {
  const own = options.nested('resilience', [
    'readTimeout',
    'writeTimeout',
    'maxInFlight',
    'breaker',
  ])
  const writeTimeout = own.duration('writeTimeout', 1_000)
  return {
    readTimeout: own.duration('readTimeout', 250),
    writeTimeout,
    maxInFlight: own.number('maxInFlight', { min: 1, integer: true }, 10_000),
    ...checkBreaker(own, writeTimeout),
  }
}

/** The option `breaker`. */
export function checkBreaker(options: OptionChecks, silence = 1_000): Breaker {
  const breaker = options.nested('breaker', ['failures', 'cooldown'])
  return {
    failures: breaker.number('failures', { min: 1, integer: true }, 5),
    silence,
    cooldown: breaker.duration('cooldown', 1_000),
  }
}
