import type { CacheClient, Duration } from '@cache/core'
import { checkClient, beside, checkOptions } from '@cache/core/internal'
import { inNamespace, type InvalidationBus } from './bus.js'
import { ListeningBus } from './listening-bus.js'
import { Log } from './log.js'

export interface InvalidationBusOptions {
  readonly client: CacheClient
  /** The channel's name, behind the client's namespace. Default 'invalidations'. */
  readonly channel?: string
  /**
   * How often the connection that listens must give a sign of life: one that is half open is
   * noticed within two of them. Default 1 s.
   */
  readonly heartbeat?: Duration
  /**
   * What near caches do about messages they may have missed: `'empty'` themselves, or `'replay'` a
   * log of the last 10 000 messages that is then kept in Redis, and empty themselves only where it
   * does not reach back far enough. Not on a Cluster: a script can't write a log in one slot and an
   * entry in another. Default 'empty'.
   */
  readonly onGap?: 'empty' | 'replay'
}

/**
 * A bus over Redis pub/sub. Near caches on it publish what they change in the very script that
 * changes it.
 *
 * On a Cluster it holds a connection to each primary: a message comes from the node that ran the
 * script, and over the cluster bus besides, so that neither a slot's move nor a failover loses one.
 * (Sharded pub/sub would: while a slot moves, its scripts run on a node at which nobody has
 * subscribed yet.)
 *
 * Source: https://redis.io/docs/latest/develop/interact/pubsub/
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * await using bus = createInvalidationBus({ client })
 * const near = withNearCache(client, { bus })
 */
export function createInvalidationBus(options: InvalidationBusOptions): InvalidationBus {
  const check = checkOptions('createInvalidationBus', options, [
    'client',
    'channel',
    'heartbeat',
    'onGap',
  ])
  const client = checkClient(check)
  const channel = inNamespace(client, check.string('channel', 'invalidations'))
  const heartbeat = check.duration('heartbeat', 1_000)
  const onGap = check.oneOf('onGap', ['empty', 'replay'], 'empty')
  const { topology } = client.driver
  const oneServer = topology === 'standalone' || topology === 'sentinel'
  if (onGap === 'replay' && !oneServer)
    check.fail(
      'onGap',
      `'empty' on a ${topology} client: a script can't write a log in one slot and an entry in another`,
    )
  // Whoever changes something appends to the log, if anybody has opened it.
  const log = oneServer ? `${beside(channel)}:log` : undefined
  return new ListeningBus({
    client,
    channel,
    heartbeat,
    announcing: { channel, log },
    log: onGap === 'replay' ? new Log(client, log!) : undefined,
  })
}
