import { slot } from '../../client/keys.js'
import { readOptions } from '../../util/options.js'
import { driverOptions, type Driver, type DriverOptions, type NodeHandle } from '../driver.js'
import { subscribeToPrimaries } from '../shared/cluster-subscription.js'
import { groupBySlot } from '../shared/group.js'
import { createHeartbeat } from '../shared/heartbeat.js'
import { ManagedConnection } from '../shared/managed-connection.js'
import { OpenSubscriptions } from '../shared/open-subscriptions.js'
import { sentinelAddress } from '../shared/sentinel-address.js'
import { keepSubscribed, type OpenSubscription } from '../shared/subscription-connection.js'
import { addressOf, ioredisAdapter, peerOf, unrefConnections } from './adapter.js'
import type { IoredisClient, IoredisCluster, IoredisNode } from './client-shape.js'
import {
  NO_RECONNECT,
  connectionFor,
  connectionTo,
  ensureNodesKnown,
  openOn,
  primariesOf,
} from './subscriptions.js'
import { topologyOf } from './topology.js'

export type { DriverOptions } from '../driver.js'
export type { IoredisClient, IoredisCluster, IoredisNode } from './client-shape.js'

/**
 * Creates a driver for a client of ioredis 5 or 6: standalone, Sentinel or Cluster, which it
 * recognises by its shape. The client stays yours: its options are not changed, and `close()`
 * leaves it open. Reads go to primaries.
 *
 * ioredis resends the commands that were under way when a connection broke
 * (`autoResendUnfulfilledCommands`, on by default), even if this driver has already reported them
 * as failed. Set that option to `false` if a command of your own must not run twice; on a Cluster,
 * also set `retryDelayOnFailover: 0`. All built-in scripts except `entries.increment` can safely
 * run twice.
 *
 * @throws {InvalidOptionError} if the client has the option `keyPrefix` (use `namespace`),
 * `stringNumbers` or `monitor`, or reads from replicas (`readOnly`, `scaleReads`, `role`).
 * @example
 * const client = createCacheClient(ioredisDriver(new Redis()))
 * const client = createCacheClient(ioredisDriver(new Cluster([{ host, port }])))
 */
export function ioredisDriver(client: IoredisClient, options: DriverOptions = {}): Driver {
  const { timeout } = readOptions('ioredisDriver', driverOptions, options)
  const topology = topologyOf(client)
  const cluster = topology === 'cluster' ? (client as IoredisCluster) : undefined
  const adapter = ioredisAdapter(client, cluster)
  const connection = new ManagedConnection(adapter, { timeout })
  const single = client as IoredisNode
  const primaryAddress =
    topology === 'sentinel'
      ? sentinelAddress(() => peerOf(single), single.options.name ?? 'primary')
      : () => addressOf(single)
  const opened = new Set<{ close(): Promise<void> }>()
  const subscriptions = new OpenSubscriptions()

  return {
    name: 'ioredis',
    topology,
    send: (commands, sendOptions) => connection.send(commands, sendOptions),
    silentFor: (node) => connection.silentFor(node),
    sinceResend: () => connection.sinceResend(),
    group: cluster ? groupBySlot : (keys) => (keys.length === 0 ? [] : [keys]),
    ...(adapter.groupReads && { groupReads: adapter.groupReads }),
    ...(cluster && { nodeOf: (key: string) => cluster.slots[slot(key)]?.[0] }),

    async dedicate() {
      // Commands of this connection are not resent over another connection.
      const noResend = { autoResendUnfulfilledCommands: false }
      const own = cluster
        ? cluster.duplicate([], {
            redisOptions: {
              ...(cluster.options as { redisOptions?: object }).redisOptions,
              ...noResend,
            },
          })
        : (client as IoredisNode).duplicate({ lazyConnect: true, ...noResend })
      unrefConnections(own)
      const ownConnection = new ManagedConnection(
        ioredisAdapter(own, cluster && (own as IoredisCluster)),
      )
      const handle = {
        send: ownConnection.send.bind(ownConnection),
        async close() {
          opened.delete(handle)
          await ownConnection.close()
          own.disconnect()
        },
      }
      opened.add(handle)
      return handle
    },

    subscribe(channels, on, { sharded = false, everyPrimary = false, heartbeat, tracking } = {}) {
      const [channel = ''] = channels
      const heartbeatFor = (owns?: (slot: number) => boolean) =>
        heartbeat === undefined
          ? undefined
          : createHeartbeat(connection, {
              every: heartbeat,
              channel,
              ...(owns ? { owns } : { anyNode: cluster !== undefined }),
            })
      return subscriptions.open((signal) => {
        if (everyPrimary && cluster) {
          const openAt = (address: string): OpenSubscription =>
            openOn(() => connectionTo(cluster, address), { channels, sharded: false, tracking })
          return subscribeToPrimaries(
            {
              primaries: () => primariesOf(cluster, connection),
              openAt,
              heartbeatOf: heartbeatFor,
            },
            on,
            { timeout, every: heartbeat, signal },
          )
        }
        const open = openOn(
          () =>
            cluster
              ? connectionFor(cluster, connection, sharded ? channel : undefined)
              : (client as IoredisNode).duplicate(NO_RECONNECT),
          { channels, sharded, tracking },
        )
        return keepSubscribed(open, on, {
          timeout,
          heartbeat: heartbeatFor(
            cluster && sharded ? (other) => other === slot(channel) : undefined,
          ),
          signal,
        })
      })
    },

    nodes: async () =>
      cluster
        ? await nodesOf(cluster, connection, timeout)
        : [
            {
              id: primaryAddress(),
              send: (commands, sendOptions) => connection.send(commands, sendOptions),
            },
          ],

    async close() {
      await Promise.all([subscriptions, ...opened].map((closable) => closable.close()))
      await connection.close()
    },
  }
}

async function nodesOf(
  cluster: IoredisCluster,
  connection: ManagedConnection,
  timeout: number,
): Promise<NodeHandle[]> {
  await ensureNodesKnown(cluster, connection)
  return cluster.nodes('master').map((node) => {
    let handle = handles.get(node)
    if (!handle) {
      const own = new ManagedConnection(ioredisAdapter(node, undefined), {
        timeout,
        watched: false,
      })
      handles.set(
        node,
        (handle = {
          id: addressOf(node),
          send: (commands, sendOptions) => own.send(commands, sendOptions),
        }),
      )
    }
    return handle
  })
}

/** One handle for each node, however often it is requested. */
const handles = new WeakMap<IoredisNode, NodeHandle>()
