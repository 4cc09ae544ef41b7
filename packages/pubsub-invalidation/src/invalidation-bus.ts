import { InvalidOptionError, type CacheClient, type Duration } from '@cache/core'
import {
  beside,
  choiceOption,
  clientOption,
  durationOption,
  readOptions,
  textOption,
  type OptionTable,
} from '@cache/core/internal'
import type { InvalidationBus } from './bus.js'
import { InvalidationLog } from './invalidation-log.js'
import { withNamespace } from './key-names.js'
import { ListeningBus } from './listening-bus.js'

export interface InvalidationBusOptions {
  /** The client whose entries are invalidated. */
  readonly client: CacheClient
  /** The name of the channel, without the client's namespace. Default 'invalidations'. */
  readonly channel?: string
  /**
   * How often a sign of life must show that messages come from the servers that commands go to. A
   * half-open connection is noticed within two heartbeats. Default 1 s.
   */
  readonly heartbeat?: Duration
  /**
   * What near caches do when they may have missed messages. `'empty'`: they drop all entries.
   * `'replay'`: they read the missed messages from a log of the last 10 000 messages in Redis, and
   * drop all entries only if the log does not reach back far enough. Not possible on a Cluster or
   * on shards: a script can't write a log in one slot and an entry in another. Default 'empty'.
   */
  readonly onGap?: 'empty' | 'replay'
}

/** The rows of `InvalidationBusOptions`. */
const busOptions = {
  client: clientOption,
  channel: textOption('invalidations'),
  heartbeat: durationOption('1s'),
  onGap: choiceOption(['empty', 'replay'], 'empty'),
} satisfies OptionTable<InvalidationBusOptions>

/**
 * Creates a bus over Redis pub/sub. Near caches on it publish what they change in the same script
 * that changes it.
 *
 * On a Cluster the bus holds a connection to each primary. A message comes from the node that ran
 * the script, and again over the cluster bus, so neither a slot migration nor a failover loses one.
 * Sharded pub/sub would lose messages: while a slot migrates, its scripts run on a node on which no
 * process has subscribed yet.
 *
 * Source: https://redis.io/docs/latest/develop/interact/pubsub/
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * await using bus = createInvalidationBus({ client })
 * const near = withNearCache(client, { bus })
 */
export function createInvalidationBus(options: InvalidationBusOptions): InvalidationBus {
  const {
    client,
    channel: name,
    heartbeat,
    onGap,
  } = readOptions('createInvalidationBus', busOptions, options)
  const channel = withNamespace(client, name)
  const { topology } = client.driver
  const isOneServer = topology === 'standalone' || topology === 'sentinel'
  if (onGap === 'replay' && !isOneServer)
    throw new InvalidOptionError(
      'onGap',
      `'empty' on a ${topology} client: ` +
        "a script can't write a log in one slot and an entry in another",
      onGap,
    )
  // Scripts append to the log if it exists, even if this process does not read it.
  const log = isOneServer ? `${beside(channel)}:log` : undefined
  return new ListeningBus({
    client,
    channel,
    heartbeat,
    announceTo: { channel, log },
    log: onGap === 'replay' ? new InvalidationLog(client, log!) : undefined,
  })
}
