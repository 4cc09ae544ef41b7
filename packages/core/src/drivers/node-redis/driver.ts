import { CacheError } from '../../errors.js'
import { slot } from '../../client/keys.js'
import { readOptions } from '../../util/options.js'
import { driverOptions, type Driver, type DriverOptions, type NodeHandle } from '../driver.js'
import { subscribeToPrimaries } from '../shared/cluster-subscription.js'
import { groupBySlot } from '../shared/group.js'
import { createHeartbeat } from '../shared/heartbeat.js'
import { ManagedConnection } from '../shared/managed-connection.js'
import { OpenSubscriptions } from '../shared/open-subscriptions.js'
import { errorOf } from '../shared/replies.js'
import { sentinelAddress } from '../shared/sentinel-address.js'
import { keepSubscribed, type OpenSubscription } from '../shared/subscription-connection.js'
import { nodeRedisAdapter } from './adapter.js'
import type { NodeRedisCluster, NodeRedisSentinel, NodeRedisStandalone } from './client-shape.js'
import {
  connectionFor,
  connectionTo,
  destroyQuietly,
  openOn,
  openOnSentinel,
  primariesOf,
  unrefConnections,
  type Duplicable,
} from './subscriptions.js'
import { topologyOf } from './topology.js'

export type { DriverOptions } from '../driver.js'
export type {
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  NodeRedisStandalone,
} from './client-shape.js'

/**
 * Creates a driver for a client of node-redis (`redis`) 5 or 6, made by `createClient`,
 * `createSentinel` or `createCluster`, which it recognises by its shape. It connects the client if
 * you have not. Otherwise the client stays yours: its options are not changed, and `close()` leaves
 * it open. Reads go to primaries.
 *
 * @throws {InvalidOptionError} for other objects, such as `createClientPool` (one connection must
 * serve all commands of a tick), and if the client has the option `keyPrefix` (use `namespace`) or
 * `readonly`.
 * @example
 * const client = createCacheClient(nodeRedisDriver(createClient()))
 * const client = createCacheClient(nodeRedisDriver(createCluster({ rootNodes: [{ url }] })))
 */
export function nodeRedisDriver(
  client: NodeRedisStandalone | NodeRedisSentinel | NodeRedisCluster,
  options: DriverOptions = {},
): Driver {
  const { timeout } = readOptions('nodeRedisDriver', driverOptions, options)
  const topology = topologyOf(client)
  const adapter = nodeRedisAdapter(client, topology)
  const connection = new ManagedConnection(adapter, { timeout })
  const opened = new Set<{ close(): Promise<void> }>()
  const subscriptions = new OpenSubscriptions()
  const duplicable = client as Duplicable
  const primaryAddress =
    topology === 'sentinel'
      ? sentinelAddress(() => (client as NodeRedisSentinel).getMasterNode?.(), 'primary')
      : () => addressOf(duplicable)

  return {
    name: 'node-redis',
    topology,
    send: (commands, sendOptions) => connection.send(commands, sendOptions),
    silentFor: (node) => connection.silentFor(node),
    group: topology === 'cluster' ? groupBySlot : (keys) => (keys.length === 0 ? [] : [keys]),
    ...(adapter.groupReads && { groupReads: adapter.groupReads }),
    ...(topology === 'cluster' && {
      nodeOf: (key: string) => nodeIn(client as NodeRedisCluster, key),
    }),

    dedicates: typeof duplicable.duplicate === 'function',

    async dedicate() {
      if (typeof duplicable.duplicate !== 'function') {
        throw new CacheError(
          "node-redis 5 can't duplicate a Sentinel client, so there is no separate connection " +
            'for blocking commands. Use redis 6, or ioredis.',
          { code: 'UNSUPPORTED' },
        )
      }
      const own = duplicable.duplicate()
      unrefConnections(own)
      let closed = false
      // A client that is destroyed while it connects still opens its socket.
      own.on('connect', () => {
        if (closed) void destroyQuietly(own)
      })
      const ownConnection = new ManagedConnection(nodeRedisAdapter(own, topology))
      const handle = {
        send: ownConnection.send.bind(ownConnection),
        async close() {
          closed = true
          opened.delete(handle)
          await ownConnection.close()
          await destroyQuietly(own)
        },
      }
      opened.add(handle)
      return handle
    },

    subscribe(channels, on, { sharded = false, everyPrimary = false, heartbeat, tracking } = {}) {
      const [channel = ''] = channels
      const cluster = topology === 'cluster' ? (client as NodeRedisCluster) : undefined
      const request = { channels, sharded, tracking }
      const heartbeatFor = (owns?: (slot: number) => boolean) =>
        heartbeat === undefined
          ? undefined
          : createHeartbeat(connection, {
              every: heartbeat,
              channel,
              ...(owns ? { owns } : { anyNode: cluster !== undefined }),
            })
      return subscriptions.open(async (signal) => {
        if (everyPrimary && cluster) {
          const openAt = (address: string): OpenSubscription =>
            openOn(() => connectionTo(cluster, request, address), request)
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
        const open =
          topology === 'sentinel'
            ? openOnSentinel(duplicable, connection, request)
            : openOn(() => connectionFor(duplicable, connection, topology, request), request)
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
      topology === 'cluster'
        ? nodesOf(client as NodeRedisCluster, connection, timeout)
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

function nodeIn(cluster: NodeRedisCluster, key: string): string | undefined {
  const primary = cluster.slots[slot(key)]?.master
  return primary && `${primary.host}:${primary.port}`
}

async function nodesOf(
  cluster: NodeRedisCluster,
  connection: ManagedConnection,
  timeout: number,
): Promise<NodeHandle[]> {
  await connection.send([{ args: ['PING'], keys: [] }])[0] // this waits for the connection
  return Promise.all(
    cluster.masters.map(async (primary) => {
      const node = await nodeClient(cluster, primary)
      let handle = handles.get(node)
      if (!handle) {
        const own = new ManagedConnection(nodeRedisAdapter(node, 'standalone'), {
          timeout,
          watched: false,
        })
        handles.set(
          node,
          (handle = {
            id: `${primary.host}:${primary.port}`,
            send: (commands, sendOptions) => own.send(commands, sendOptions),
          }),
        )
      }
      return handle
    }),
  )
}

async function nodeClient(
  cluster: NodeRedisCluster,
  primary: NodeRedisCluster['masters'][0],
): Promise<NodeRedisStandalone> {
  try {
    return (await cluster.nodeClient(primary)) as NodeRedisStandalone
  } catch (error) {
    throw errorOf(error, { args: ['PING'], keys: [] })
  }
}

/** One handle for each node, however often it is requested. */
const handles = new WeakMap<NodeRedisStandalone, NodeHandle>()

function addressOf({ options }: Duplicable): string {
  const { path, host = 'localhost', port = 6379 } = options?.socket ?? {}
  return path ?? `${host}:${port}`
}
