import { CacheError, slot, type Connection, type Driver, type Duration } from '@cache/core'
import {
  createHeartbeat,
  driverOptions,
  groupBySlot,
  keepSubscribed,
  OpenSubscriptions,
  primarySlots,
  subscribeToPrimaries,
} from '@cache/core/driver-internal'
import { choiceOption, createToken, readOptions, type OptionTable } from '@cache/core/internal'
import type { GlideClientConfiguration } from '@valkey/valkey-glide'
import type { Backend } from './backend.js'
import { Cluster } from './cluster.js'
import { checkConfiguration } from './configuration.js'
import { endBlocked } from './end-blocked.js'
import { Server } from './server.js'
import { openOn } from './subscriptions.js'

/** The options of `glideDriver`. */
export interface GlideDriverOptions {
  /** How long a command waits for its reply if the sender does not set a timeout. Default: 1 s. */
  readonly timeout?: Duration
  /** Whether the addresses are those of nodes of a Cluster. Default: `'standalone'`. */
  readonly topology?: 'standalone' | 'cluster'
}

const glideDriverOptions = {
  ...driverOptions,
  topology: choiceOption(['standalone', 'cluster'], 'standalone'),
} satisfies OptionTable<GlideDriverOptions>

/**
 * Creates a driver that opens clients of Valkey GLIDE 2: one for a server with or without replicas,
 * or one for each primary of a Cluster. It connects in the background. All its connections end with
 * `close()`.
 *
 * The configuration is that of a `GlideClient`. `requestTimeout` has no effect: the driver has a
 * timeout for each command.
 *
 * @throws {InvalidOptionError} if the configuration reads from replicas (`readFrom`, `readOnly`),
 * or has `clientSideCache`, `compression` or `pubsubSubscriptions`.
 * @example
 * const driver = glideDriver({ addresses: [{ host: 'localhost', port: 6379 }] })
 * const client = createCacheClient(driver)
 */
export function glideDriver(
  configuration: GlideClientConfiguration,
  options: GlideDriverOptions = {},
): Driver {
  const { timeout, topology } = readOptions('glideDriver', glideDriverOptions, options)
  checkConfiguration(configuration)
  const isCluster = topology === 'cluster'
  const ownTimeout = Math.max(timeout, MIN_TIMEOUT)
  const connect = (
    changes: Partial<GlideClientConfiguration>,
    commandTimeout: number | undefined,
  ): Backend => {
    const settings = { timeout: commandTimeout, ownTimeout }
    const all = { ...configuration, ...changes }
    return isCluster ? new Cluster(all, settings) : new Server(all, settings)
  }
  const backend = connect({}, timeout)
  const opened = new Set<Connection>()
  const subscriptions = new OpenSubscriptions()

  return {
    name: 'glide',
    topology,
    send: (commands, sendOptions) => backend.send(commands, sendOptions),
    silentFor: (node) => backend.silentFor(node),
    sinceResend: () => backend.sinceResend(),
    group: isCluster ? groupBySlot : (keys) => (keys.length === 0 ? [] : [keys]),
    ...(isCluster && { nodeOf: (key: string) => backend.nodeOf?.(key) }),
    nodes: () => backend.nodes(),

    async dedicate() {
      const clientName = `${configuration.clientName ?? 'cache'}-${createToken()}`
      const own = connect({ clientName }, undefined)
      let pending = 0
      const handle: Connection = {
        send(commands, sendOptions) {
          const results = own.send(commands, sendOptions)
          pending += results.length
          for (const result of results) void result.then(() => pending--)
          return results
        },
        async close() {
          if (!opened.delete(handle)) return
          const isBlocked = pending > 0
          await own.close()
          if (isBlocked)
            await endBlocked(await backend.nodes().catch(() => []), clientName, timeout)
        },
      }
      opened.add(handle)
      return handle
    },

    subscribe(channels, on, { sharded = false, everyPrimary = false, heartbeat, tracking } = {}) {
      if (tracking)
        return Promise.reject(
          new CacheError(
            'GLIDE does not pass on the messages of CLIENT TRACKING. ' +
              'Use ioredis or node-redis, or an invalidation bus.',
            { code: 'UNSUPPORTED' },
          ),
        )
      const [channel = ''] = channels
      const request = { configuration, channels, timeout: ownTimeout }
      const heartbeatFor = (owns?: (slot: number) => boolean) =>
        heartbeat === undefined
          ? undefined
          : createHeartbeat(backend, {
              every: heartbeat,
              channel,
              ...(owns ? { owns } : { anyNode: isCluster }),
            })
      return subscriptions.open((signal) => {
        if (everyPrimary && isCluster)
          return subscribeToPrimaries(
            {
              primaries: () => primarySlots(backend, () => undefined),
              openAt: (address) => openOn(async () => address, { ...request, sharded: false }),
              heartbeatOf: heartbeatFor,
            },
            on,
            { timeout: ownTimeout, every: heartbeat, signal },
          )
        return keepSubscribed(
          openOn(() => backend.subscribeAt(sharded ? channel : undefined), { ...request, sharded }),
          on,
          {
            timeout: ownTimeout,
            heartbeat: heartbeatFor(
              isCluster && sharded ? (other) => other === slot(channel) : undefined,
            ),
            signal,
          },
        )
      })
    },

    async close() {
      await Promise.all([subscriptions, ...opened].map((closable) => closable.close()))
      await backend.close()
    },
  }
}

/** Milliseconds that a new connection, and a command of the driver itself, may take at least. */
const MIN_TIMEOUT = 1_000
