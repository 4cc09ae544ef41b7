import type { Duration } from '../util/duration.js'
import {
  durationOption,
  groupOption,
  numberOption,
  type CheckedOptions,
  type OptionTable,
} from '../util/options.js'

export interface ResilienceOptions {
  /** How long a read waits for Redis before it falls back to the source. Default: 250 ms. */
  readonly readTimeout?: Duration
  /** How long a write waits for Redis before it rejects. Default: 1 s. */
  readonly writeTimeout?: Duration
  /**
   * The number of requests that may wait for Redis at once. Further requests fail immediately with
   * a `ConnectionError` (`OVERLOADED`). Default: 10 000.
   */
  readonly maxInFlight?: number
  /**
   * The circuit breaker. It opens after at least `failures` sends in a row without a reply, if the
   * server has been silent since a command that is older than `writeTimeout`. Nothing is sent for
   * `cooldown` then; after that, one probe is sent first. A late reply is a sign of life, so a
   * short timeout of one caller does not lock out the others. On a Cluster, each primary has its
   * own breaker. With shards, each shard has its own, which is set in `shardedDriver`. Default
   * `{ failures: 5, cooldown: '1s' }`.
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
  /** Milliseconds for which a server must be silent before the breaker opens. */
  readonly silence: number
  /** Milliseconds without commands before the next probe. */
  readonly cooldown: number
}

/** The option `breaker`. */
export const breakerOption = groupOption({
  failures: numberOption({ min: 1, integer: true }, 5),
  cooldown: durationOption('1s'),
} satisfies OptionTable<NonNullable<ResilienceOptions['breaker']>>)

/** The rows of `ResilienceOptions`. */
const resilienceOptions = {
  readTimeout: durationOption('250ms'),
  writeTimeout: durationOption('1s'),
  maxInFlight: numberOption({ min: 1, integer: true }, 10_000),
  breaker: breakerOption,
} satisfies OptionTable<ResilienceOptions>

/** The option `resilience`. */
export const resilienceOption = groupOption(resilienceOptions)

export function toResilience({
  breaker,
  ...timeouts
}: CheckedOptions<typeof resilienceOptions, ResilienceOptions>): Resilience {
  return { ...timeouts, ...breaker, silence: timeouts.writeTimeout }
}
