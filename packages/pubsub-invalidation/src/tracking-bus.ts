import type { CacheClient, Duration } from '@cache/core'
import { checkClient, checkOptions } from '@cache/core/internal'
import { inNamespace, type InvalidationBus } from './bus.js'
import { ListeningBus } from './listening-bus.js'
import { TrackingRefusedError } from './tracking-refused-error.js'

export interface TrackingBusOptions {
  readonly client: CacheClient
  /**
   * What the keys begin with that are tracked, as they stand in Redis; none may begin with another.
   * Default: the client's namespace, or all keys.
   */
  readonly prefixes?: readonly string[]
  /** As with `createInvalidationBus`. */
  readonly channel?: string
  /** As with `createInvalidationBus`. */
  readonly heartbeat?: Duration
}

/**
 * A bus on which Redis itself tells what changes (`CLIENT TRACKING … BCAST`): by any client, in any
 * language, by `redis-cli`, by expiry. It does not say by whom, so a value that a process has just
 * loaded and stored is dropped by that process too, and read again once. What is published is told
 * as by `createInvalidationBus`. A near cache on it keeps keys with these prefixes only.
 *
 * Source: https://redis.io/docs/latest/develop/reference/client-side-caching/
 *
 * @throws {InvalidOptionError} naming the option. `ready()` rejects with `TrackingRefusedError`
 * where the server does not allow it.
 * @example
 * await using bus = createTrackingBus({ client, prefixes: ['shop:'] })
 * await bus.ready()
 */
export function createTrackingBus(options: TrackingBusOptions): InvalidationBus {
  const check = checkOptions('createTrackingBus', options, [
    'client',
    'prefixes',
    'channel',
    'heartbeat',
  ])
  const client = checkClient(check)
  const { namespace } = client
  const prefixes = check.has('prefixes')
    ? options.prefixes!
    : namespace === ''
      ? []
      : [`${namespace}:`]
  const fits =
    Array.isArray(prefixes) &&
    prefixes.every(
      (one, i) =>
        typeof one === 'string' &&
        one !== '' &&
        prefixes.every((other, j) => i === j || !String(other).startsWith(one)),
    )
  if (!fits)
    check.fail('prefixes', 'an array of non-empty strings, none of which begins with another')
  const channel = inNamespace(client, check.string('channel', 'invalidations'))
  return new ListeningBus({
    client,
    channel,
    heartbeat: check.duration('heartbeat', 1_000),
    announcing: undefined,
    tracking: { prefixes },
    refused: (error) => new TrackingRefusedError(error),
  })
}
