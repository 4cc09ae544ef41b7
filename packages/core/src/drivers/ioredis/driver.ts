import { InvalidOptionError } from '../../errors.js'
import { slot } from '../../client/keys.js'
import { checkOptions } from '../../util/options.js'
import type { Driver, DriverOptions, NodeHandle, SubscribeOptions, Topology } from '../driver.js'
import { subscribeEverywhere } from '../shared/cluster-subscription.js'
import { subscribeThrough, type OpenFeed } from '../shared/subscription-connection.js'
import { bySlot } from '../shared/group.js'
import type { IoredisClient, IoredisCluster, IoredisNode } from './client-shape.js'
import { addressOf, ioredisWire, onEnd } from './adapter.js'
import { heartbeatThrough } from '../shared/heartbeat.js'
import { Link } from '../shared/managed-connection.js'
import { OpenSubscriptions } from '../shared/open-subscriptions.js'
import {
  hostAndPort,
  primarySlots,
  type HostAndPort,
  type PrimarySlots,
} from '../shared/primaries.js'
import { errorOf, isReplyError } from '../shared/replies.js'
import { TRACKING_CHANNEL, isTracking, keysOf, startTracking } from '../shared/tracking.js'

export type { DriverOptions } from '../driver.js'
export type { IoredisClient, IoredisCluster, IoredisNode } from './client-shape.js'

/**
 * A driver over ioredis 5 or 6: standalone, Sentinel or Cluster, recognised by its shape. The
 * client stays yours: its options are not changed, and `close()` leaves it open. Reads go to
 * primaries.
 *
 * ioredis resends what was under way when a connection broke (`autoResendUnfulfilledCommands`, on
 * by default), also after this driver has reported it as failed; set it to `false` where a command
 * of your own must not run twice; on a Cluster `retryDelayOnFailover: 0` as well. The patterns' own
 * steps may, but for `entries.increment`.
 *
 * @throws {InvalidOptionError} for a client with `keyPrefix` (use `namespace`), `stringNumbers` or
 * `monitor`, or one that reads from replicas (`readOnly`, `scaleReads`, `role`).
 * @example
 * const client = createCacheClient(ioredisDriver(new Redis()))
 * const client = createCacheClient(ioredisDriver(new Cluster([{ host, port }])))
 */
export function ioredisDriver(client: IoredisClient, options: DriverOptions = {}): Driver {
  const check = checkOptions('ioredisDriver', options, ['timeout'])
  const timeout = check.duration('timeout', 1_000)
  const topology = topologyOf(client)
  const cluster = topology === 'cluster' ? (client as IoredisCluster) : undefined
  const link = new Link(ioredisWire(client, cluster), { timeout })
  const opened = new Set<{ close(): Promise<void> }>()
  const subscriptions = new OpenSubscriptions()

  return {
    name: 'ioredis',
    topology,
    send: (commands, how) => link.send(commands, how),
    silentFor: (node) => link.silentFor(node),
    sinceResend: () => link.sinceResend(),
    group: cluster ? bySlot : (keys) => (keys.length === 0 ? [] : [keys]),
    ...(cluster && { nodeOf: (key: string) => cluster.slots[slot(key)]?.[0] }),

    async dedicate() {
      // What a connection of its own was asked is not asked again on another one.
      const once = { autoResendUnfulfilledCommands: false }
      const own = cluster
        ? cluster.duplicate([], {
            redisOptions: {
              ...(cluster.options as { redisOptions?: object }).redisOptions,
              ...once,
            },
          })
        : (client as IoredisNode).duplicate({ lazyConnect: true, ...once })
      const connection = new Link(ioredisWire(own, cluster && (own as IoredisCluster)))
      const handle = {
        send: connection.send.bind(connection),
        async close() {
          opened.delete(handle)
          await connection.close()
          own.disconnect()
        },
      }
      opened.add(handle)
      return handle
    },

    subscribe(channels, on, { sharded = false, everywhere = false, heartbeat, tracking } = {}) {
      const [channel = ''] = channels
      const beating = (owns?: (slot: number) => boolean) =>
        heartbeat === undefined
          ? undefined
          : heartbeatThrough(link, {
              every: heartbeat,
              channel,
              ...(owns ? { owns } : { anyNode: cluster !== undefined }),
            })
      return subscriptions.open((signal) => {
        if (everywhere && cluster) {
          const openAt = (address: string): OpenFeed =>
            openFeed(() => nodeAt(cluster, address), { channels, sharded: false, tracking })
          return subscribeEverywhere(
            { primaries: () => slotsOf(cluster, link), openAt, heartbeatOf: beating },
            on,
            { timeout, every: heartbeat, signal },
          )
        }
        const open = openFeed(
          () =>
            cluster
              ? nodeFor(cluster, link, sharded ? channel : undefined)
              : (client as IoredisNode).duplicate(ONE_LIFE),
          { channels, sharded, tracking },
        )
        return subscribeThrough(open, on, {
          timeout,
          heartbeat: beating(cluster && sharded ? (one) => one === slot(channel) : undefined),
          signal,
        })
      })
    },

    nodes: async () =>
      cluster
        ? await primaries(cluster, link, timeout)
        : [
            {
              id: addressOf(client as IoredisNode),
              send: (commands, how) => link.send(commands, how),
            },
          ],

    async close() {
      await Promise.all([subscriptions, ...opened].map((one) => one.close()))
      await link.close()
    },
  }
}

function topologyOf(client: unknown): Topology {
  const shape = client as Partial<IoredisNode & IoredisCluster> | null | undefined
  const isClient =
    typeof shape === 'object' &&
    shape !== null &&
    typeof shape.call === 'function' &&
    typeof shape.status === 'string'
  if (!isClient)
    throw new InvalidOptionError(
      'client',
      "a Redis or a Cluster of ioredis (for the package 'redis' there is nodeRedisDriver)",
      client,
    )
  const options = shape.options as NodeOptions & {
    scaleReads?: unknown
    sentinels?: unknown
    role?: string
    redisOptions?: NodeOptions
  }
  // First, as a Cluster copies the keyPrefix of these into its own options.
  refuseBreaking('client.options.redisOptions', options.redisOptions ?? {})
  refuseBreaking('client.options', options)
  if (typeof shape.nodes === 'function' && Array.isArray(shape.slots)) {
    if (options.scaleReads !== undefined && options.scaleReads !== 'master')
      throw new InvalidOptionError(
        'client.options.scaleReads',
        "'master': a replica may answer with what was invalidated",
        options.scaleReads,
      )
    return 'cluster'
  }
  if (options.readOnly)
    throw new InvalidOptionError(
      'client.options.readOnly',
      'unset: a replica may answer with what was invalidated',
      true,
    )
  if (!options.sentinels) return 'standalone'
  if (options.role === 'slave')
    throw new InvalidOptionError(
      'client.options.role',
      "'master': a replica may answer with what was invalidated",
      options.role,
    )
  return 'sentinel'
}

interface NodeOptions {
  readonly keyPrefix?: string
  readonly stringNumbers?: boolean
  readonly monitor?: boolean
  readonly readOnly?: boolean
}

function refuseBreaking(path: string, { keyPrefix, stringNumbers, monitor }: NodeOptions): void {
  if (keyPrefix)
    throw new InvalidOptionError(
      `${path}.keyPrefix`,
      'unset: give createCacheClient a `namespace` instead',
      keyPrefix,
    )
  if (stringNumbers)
    throw new InvalidOptionError(
      `${path}.stringNumbers`,
      'unset: the patterns count with what Redis answers',
      stringNumbers,
    )
  if (monitor)
    throw new InvalidOptionError(
      `${path}.monitor`,
      'unset: a client that monitors can send no commands',
      monitor,
    )
}

async function primaries(
  cluster: IoredisCluster,
  link: Link,
  timeout: number,
): Promise<NodeHandle[]> {
  await knowingNodes(cluster, link)
  return cluster.nodes('master').map((node) => {
    let handle = handles.get(node)
    if (!handle) {
      const own = new Link(ioredisWire(node, undefined), { timeout, watched: false })
      handles.set(
        node,
        (handle = { id: addressOf(node), send: (commands, how) => own.send(commands, how) }),
      )
    }
    return handle
  })
}

/** Until it is ready, it takes those that it was told of for primaries. */
async function knowingNodes(cluster: IoredisCluster, link: Link): Promise<void> {
  // connected, if it can be
  if (cluster.status !== 'ready') await link.send([{ args: ['PING'], keys: [] }])
}

/** One link for each node, however often it is asked for. */
const handles = new WeakMap<IoredisNode, NodeHandle>()

interface Listening {
  readonly channels: readonly string[]
  readonly sharded: boolean
  readonly tracking: SubscribeOptions['tracking']
}

/** A connection of its own, with one life: what comes after its end is the feed's business. */
function openFeed(
  connection: () => IoredisNode | Promise<IoredisNode>,
  { channels, sharded, tracking }: Listening,
): OpenFeed {
  return async ({ message, invalidated, ended }, beats, signal) => {
    const own = await connection()
    signal.throwIfAborted()
    signal.addEventListener('abort', () => own.disconnect(), { once: true })
    own.on('error', () => undefined)
    if (tracking)
      own.on('messageBuffer', (channel: Buffer, payload: unknown) => {
        if (isTracking(channel)) invalidated(keysOf(payload))
      })
    own.on('message', (channel: string, payload: string) => {
      if (!isTracking(channel)) message(channel, payload)
    })
    own.on('smessage', message)
    onEnd(own, ended)
    try {
      await own.connect()
      if (tracking) await startTracking((...args) => own.call('CLIENT', args), tracking.prefixes)
      const plain = [
        ...(sharded ? [] : channels),
        ...beats,
        ...(tracking ? [TRACKING_CHANNEL] : []),
      ]
      // ioredis knows it in lower case only
      if (sharded) await own.call('ssubscribe', [...channels])
      if (plain.length > 0) await own.subscribe(...plain)
    } catch (error) {
      own.disconnect()
      throw isReplyError(error) ? errorOf(error, { args: ['SUBSCRIBE'], keys: [] }) : error
    }
  }
}

/** Where both majors hand on what CLIENT TRACKING tells only in RESP2. */
const ONE_LIFE = {
  lazyConnect: true,
  protocol: 2,
  retryStrategy: null,
  autoResubscribe: false,
  connectTimeout: 2_000,
  maxRetriesPerRequest: 0,
  readOnly: false,
}

async function nodeFor(
  cluster: IoredisCluster,
  link: Link,
  channel: string | undefined,
): Promise<IoredisNode> {
  await knowingNodes(cluster, link)
  const nodes = cluster.nodes('master')
  if (nodes.length === 0) throw new Error('no primary of the Cluster is known')
  const owner = channel === undefined ? undefined : cluster.slots[slot(channel)]?.[0]
  return (
    nodes.find((node) => addressOf(node) === owner) ??
    nodes[Math.floor(Math.random() * nodes.length)]!
  ).duplicate(ONE_LIFE)
}

function nodeAt(cluster: IoredisCluster, address: string): IoredisNode {
  const [model] = cluster.nodes('master')
  if (!model) throw new Error('no primary of the Cluster is known')
  return model.duplicate({ ...ONE_LIFE, ...hostAndPort(address) })
}

async function slotsOf(cluster: IoredisCluster, link: Link): Promise<PrimarySlots> {
  const { natMap } = cluster.options as {
    natMap?: Record<string, HostAndPort> | ((address: string) => HostAndPort | null)
  }
  const translate = typeof natMap === 'function' ? natMap : (address: string) => natMap?.[address]
  return primarySlots(link, translate)
}
