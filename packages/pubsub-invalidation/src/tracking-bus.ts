import { InvalidOptionError, type CacheClient, type Duration } from '@cache/core'
import {
  clientOption,
  durationOption,
  givenOption,
  readOptions,
  textOption,
  type OptionTable,
} from '@cache/core/internal'
import type { InvalidationBus } from './bus.js'
import { withNamespace } from './key-names.js'
import { ListeningBus } from './listening-bus.js'
import { TrackingRefusedError } from './tracking-refused-error.js'

export interface TrackingBusOptions {
  /** The client whose entries are tracked. */
  readonly client: CacheClient
  /**
   * The prefixes of the tracked keys, as they are in Redis. No prefix may begin with another one.
   * Default: the client's namespace, or all keys if it has none.
   */
  readonly prefixes?: readonly string[]
  /** The name of the channel, without the client's namespace. Default 'invalidations'. */
  readonly channel?: string
  /**
   * How often a sign of life must show that messages come from the servers that commands go to. A
   * half-open connection is noticed within two heartbeats. Default 1 s.
   */
  readonly heartbeat?: Duration
}

/** The rows of `TrackingBusOptions`. */
const busOptions = {
  client: clientOption,
  prefixes: givenOption(),
  channel: textOption('invalidations'),
  heartbeat: durationOption('1s'),
} satisfies OptionTable<TrackingBusOptions>

/**
 * Creates a bus on which Redis itself reports changed keys (`CLIENT TRACKING … BCAST`). It reports
 * changes by any client in any language, by `redis-cli`, and by expiry. What is published on the
 * bus is received as with `createInvalidationBus`.
 *
 * Redis does not report who changed a key. A value that a process has just loaded and stored is
 * therefore dropped by that process too, and read once more. A near cache on this bus caches only
 * keys with the tracked prefixes.
 *
 * Source: https://redis.io/docs/latest/develop/reference/client-side-caching/
 *
 * @throws {InvalidOptionError} naming the option. `ready()` rejects with `TrackingRefusedError` if
 * the server does not allow tracking.
 * @example
 * await using bus = createTrackingBus({ client, prefixes: ['shop:'] })
 * await bus.ready()
 */
export function createTrackingBus(options: TrackingBusOptions): InvalidationBus {
  const {
    client,
    prefixes = client.namespace === '' ? [] : [`${client.namespace}:`],
    channel,
    heartbeat,
  } = readOptions('createTrackingBus', busOptions, options)
  const isValid =
    Array.isArray(prefixes) &&
    prefixes.every(
      (prefix, i) =>
        typeof prefix === 'string' &&
        prefix !== '' &&
        prefixes.every((other, j) => i === j || !String(other).startsWith(prefix)),
    )
  if (!isValid)
    throw new InvalidOptionError(
      'prefixes',
      'an array of non-empty strings, none of which begins with another',
      prefixes,
    )
  return new ListeningBus({
    client,
    channel: withNamespace(client, channel),
    heartbeat,
    announceTo: undefined,
    tracking: { prefixes },
    toRefusal: (error) => new TrackingRefusedError(error),
  })
}
