import { CacheError, InvalidOptionError } from '../../errors.js'
import { slot } from '../../client/keys.js'
import { checkOptions } from '../../util/options.js'
import type { Driver, DriverOptions, NodeHandle, SubscribeOptions, Topology } from '../driver.js'
import { subscribeEverywhere } from '../shared/cluster-subscription.js'
import { subscribeThrough, type OpenFeed } from '../shared/subscription-connection.js'
import { listenTo } from '../shared/client-events.js'
import { bySlot } from '../shared/group.js'
import { heartbeatThrough } from '../shared/heartbeat.js'
import { Link } from '../shared/managed-connection.js'
import type {
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  NodeRedisStandalone,
} from './client-shape.js'
import { nodeRedisWire } from './adapter.js'
import { OpenSubscriptions } from '../shared/open-subscriptions.js'
import {
  hostAndPort,
  primarySlots,
  type HostAndPort,
  type PrimarySlots,
} from '../shared/primaries.js'
import { errorOf, isReplyError } from '../shared/replies.js'
import { TRACKING_CHANNEL, keysOf, startTracking } from '../shared/tracking.js'

export type { DriverOptions } from '../driver.js'
export type {
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  NodeRedisStandalone,
} from './client-shape.js'

/** A client that may be duplicated, to subscribe or to block with. */
interface Duplicable extends NodeRedisStandalone {
  readonly options?: {
    readonly socket?: { readonly host?: string; readonly port?: number; readonly path?: string }
  }
  duplicate(overrides?: object): Duplicable
  subscribe(
    channels: readonly string[],
    listener: (payload: any, channel: any) => void,
    asBuffers?: boolean,
  ): Promise<unknown>
  unsubscribe(
    channels: readonly string[],
    listener: (payload: string, channel: string) => void,
  ): Promise<unknown>
  sSubscribe(
    channels: readonly string[],
    listener: (payload: string, channel: string) => void,
  ): Promise<unknown>
}

/**
 * A driver over node-redis (`redis`) 5 or 6: `createClient`, `createSentinel` or `createCluster`,
 * recognised by its shape. It connects the client if nobody has; otherwise the client stays yours:
 * its options are not changed, and `close()` leaves it open. Reads go to primaries.
 *
 * @throws {InvalidOptionError} for anything else, `createClientPool` for one: one connection serves
 * all commands of a tick; and for a client with `keyPrefix` (use `namespace`) or `readonly`.
 * @example
 * const client = createCacheClient(nodeRedisDriver(createClient()))
 * const client = createCacheClient(nodeRedisDriver(createCluster({ rootNodes: [{ url }] })))
 */
export function nodeRedisDriver(
  client: NodeRedisStandalone | NodeRedisSentinel | NodeRedisCluster,
  options: DriverOptions = {},
): Driver {
  const check = checkOptions('nodeRedisDriver', options, ['timeout'])
  const timeout = check.duration('timeout', 1_000)
  const topology = topologyOf(client)
  const link = new Link(nodeRedisWire(client, topology), { timeout })
  const opened = new Set<{ close(): Promise<void> }>()
  const subscriptions = new OpenSubscriptions()
  const duplicable = client as Duplicable

  return {
    name: 'node-redis',
    topology,
    send: (commands, how) => link.send(commands, how),
    silentFor: (node) => link.silentFor(node),
    group: topology === 'cluster' ? bySlot : (keys) => (keys.length === 0 ? [] : [keys]),
    ...(topology === 'cluster' && {
      nodeOf: (key: string) => nodeIn(client as NodeRedisCluster, key),
    }),

    dedicates: typeof duplicable.duplicate === 'function',

    async dedicate() {
      if (typeof duplicable.duplicate !== 'function') {
        throw new CacheError(
          "node-redis 5 can't duplicate a Sentinel client, so there is no connection of its own for blocking commands. Use redis 6, or ioredis.",
          { code: 'UNSUPPORTED' },
        )
      }
      const own = duplicable.duplicate()
      let closed = false
      // What is destroyed while it connects gets its socket all the same.
      own.on('connect', () => {
        if (closed) void quietly(own)
      })
      const connection = new Link(nodeRedisWire(own, topology))
      const handle = {
        send: connection.send.bind(connection),
        async close() {
          closed = true
          opened.delete(handle)
          await connection.close()
          await quietly(own)
        },
      }
      opened.add(handle)
      return handle
    },

    subscribe(channels, on, { sharded = false, everywhere = false, heartbeat, tracking } = {}) {
      const [channel = ''] = channels
      const cluster = topology === 'cluster' ? (client as NodeRedisCluster) : undefined
      const listening = { channels, sharded, tracking }
      const beating = (owns?: (slot: number) => boolean) =>
        heartbeat === undefined
          ? undefined
          : heartbeatThrough(link, {
              every: heartbeat,
              channel,
              ...(owns ? { owns } : { anyNode: cluster !== undefined }),
            })
      return subscriptions.open(async (signal) => {
        if (everywhere && cluster) {
          const openAt = (address: string): OpenFeed =>
            openFeed(() => nodeAt(cluster, listening, address), listening)
          return subscribeEverywhere(
            { primaries: () => slotsOf(cluster, link), openAt, heartbeatOf: beating },
            on,
            { timeout, every: heartbeat, signal },
          )
        }
        const open =
          topology === 'sentinel'
            ? sentinelFeed(duplicable, link, listening)
            : openFeed(() => duplicateFor(duplicable, link, topology, listening), listening)
        return subscribeThrough(open, on, {
          timeout,
          heartbeat: beating(cluster && sharded ? (one) => one === slot(channel) : undefined),
          signal,
        })
      })
    },

    nodes: async () =>
      topology === 'cluster'
        ? primaries(client as NodeRedisCluster, link, timeout)
        : [{ id: addressOf(duplicable), send: (commands, how) => link.send(commands, how) }],

    async close() {
      await Promise.all([subscriptions, ...opened].map((one) => one.close()))
      await link.close()
    },
  }
}

function topologyOf(client: unknown): Topology {
  const shape = client as
    | Partial<
        NodeRedisCluster & NodeRedisSentinel & { idleClients: unknown; isPubSubActive: unknown }
      >
    | null
    | undefined
  const isClient =
    typeof shape === 'object' &&
    shape !== null &&
    typeof shape.sendCommand === 'function' &&
    typeof shape.isOpen === 'boolean'
  if (!isClient || shape.idleClients !== undefined) {
    throw new InvalidOptionError(
      'client',
      "what createClient, createSentinel or createCluster of 'redis' made (for ioredis there is ioredisDriver)",
      client,
    )
  }
  // A Cluster has its options in `_options`; of those of a Sentinel only one can be seen.
  const { options, _options, _keyPrefix } = shape as {
    options?: NodeOptions
    _options?: NodeOptions & { defaults?: NodeOptions }
    _keyPrefix?: unknown
  }
  refuseBreaking('client.options', options ?? _options ?? { keyPrefix: _keyPrefix })
  refuseBreaking('client.options.defaults', _options?.defaults ?? {})
  if (typeof shape.nodeClient === 'function') return 'cluster'
  return typeof shape.getSentinelNode === 'function' ? 'sentinel' : 'standalone'
}

interface NodeOptions {
  readonly keyPrefix?: unknown
  readonly readonly?: boolean
}

function refuseBreaking(path: string, { keyPrefix, readonly }: NodeOptions): void {
  if (keyPrefix !== undefined && keyPrefix !== '')
    throw new InvalidOptionError(
      `${path}.keyPrefix`,
      'unset: give createCacheClient a `namespace` instead',
      keyPrefix,
    )
  if (readonly)
    throw new InvalidOptionError(
      `${path}.readonly`,
      'unset: a replica may answer with what was invalidated',
      readonly,
    )
}

function nodeIn(cluster: NodeRedisCluster, key: string): string | undefined {
  const primary = cluster.slots[slot(key)]?.master
  return primary && `${primary.host}:${primary.port}`
}

async function primaries(
  cluster: NodeRedisCluster,
  link: Link,
  timeout: number,
): Promise<NodeHandle[]> {
  await link.send([{ args: ['PING'], keys: [] }]) // connected, if it can be
  return Promise.all(
    cluster.masters.map(async (master) => {
      const node = await nodeClient(cluster, master)
      let handle = handles.get(node)
      if (!handle) {
        const own = new Link(nodeRedisWire(node, 'standalone'), { timeout, watched: false })
        handles.set(
          node,
          (handle = {
            id: `${master.host}:${master.port}`,
            send: (commands, how) => own.send(commands, how),
          }),
        )
      }
      return handle
    }),
  )
}

async function nodeClient(
  cluster: NodeRedisCluster,
  master: NodeRedisCluster['masters'][0],
): Promise<NodeRedisStandalone> {
  try {
    return (await cluster.nodeClient(master)) as NodeRedisStandalone
  } catch (error) {
    throw errorOf(error, { args: ['PING'], keys: [] })
  }
}

/** One link for each node, however often it is asked for. */
const handles = new WeakMap<NodeRedisStandalone, NodeHandle>()

interface Listening {
  readonly channels: readonly string[]
  readonly sharded: boolean
  readonly tracking: SubscribeOptions['tracking']
}

/** A connection of its own, with one life: what comes after its end is the feed's business. */
function openFeed(
  connection: () => Promise<Duplicable>,
  { channels, sharded, tracking }: Listening,
): OpenFeed {
  return async ({ message, invalidated, ended }, beats, signal) => {
    const own = await connection()
    signal.throwIfAborted()
    signal.addEventListener('abort', () => void quietly(own), { once: true })
    const listener = (payload: string, channel: string): void => message(channel, payload)
    for (const event of ['error', 'end', 'sharded-channel-moved']) own.on(event, ended)
    // What is destroyed while it connects gets its socket all the same.
    own.on('connect', () => {
      if (signal.aborted) void quietly(own)
    })
    try {
      await own.connect()
      if (tracking) {
        await startTracking((...args) => own.sendCommand(['CLIENT', ...args]), tracking.prefixes)
        await own.subscribe(
          [TRACKING_CHANNEL],
          (payload: unknown) => invalidated(keysOf(payload)),
          true,
        )
      }
      const plain = [...(sharded ? [] : channels), ...beats]
      if (sharded) await own.sSubscribe(channels, listener)
      if (plain.length > 0) await own.subscribe(plain, listener)
    } catch (error) {
      await quietly(own)
      throw isReplyError(error) ? errorOf(error, { args: ['SUBSCRIBE'], keys: [] }) : error
    }
  }
}

/**
 * A Sentinel client keeps a connection for messages and reconnects it by itself; any trouble it
 * tells of may have been a gap. All subscriptions share that connection, so each ends by itself.
 */
function sentinelFeed(client: Duplicable, link: Link, { channels, tracking }: Listening): OpenFeed {
  if (tracking)
    throw new CacheError(
      'A node-redis Sentinel client has no connection of its own to track keys with. Use ioredis, or an invalidation bus.',
      { code: 'UNSUPPORTED' },
    )
  return async ({ message, ended }, beats, signal) => {
    const all = [...channels, ...beats]
    const listener = (payload: string, channel: string): void => message(channel, payload)
    await link.send([{ args: ['PING'], keys: [] }]) // connected, if it can be
    signal.throwIfAborted()
    const forget = listenTo(client, {
      error: ended,
      'client-error': ended,
      'topology-change': ended,
    })
    const subscribed = client.subscribe(all, listener)
    const stop = (): void => {
      forget()
      // Also what is confirmed only later.
      subscribed.then(() => client.unsubscribe(all, listener)).catch(() => undefined)
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    await subscribed
  }
}

async function duplicateFor(
  client: Duplicable,
  link: Link,
  topology: Topology,
  listening: Listening,
): Promise<Duplicable> {
  await link.send([{ args: ['PING'], keys: [] }]) // connected, if it can be
  const node =
    topology === 'cluster'
      ? await nodeFor(
          client as unknown as NodeRedisCluster & Slots,
          listening.sharded ? listening.channels[0] : undefined,
        )
      : client
  return withOneLife(node, listening)
}

/**
 * It does not reconnect, and to track it speaks RESP2, in which both clients hand on what CLIENT
 * TRACKING tells.
 */
function withOneLife(
  model: Duplicable,
  { tracking }: Listening,
  place: Partial<HostAndPort> = {},
): Duplicable {
  return model.duplicate({
    ...(tracking && { RESP: 2, clientSideCache: undefined, maintNotifications: 'disabled' }),
    socket: { ...model.options?.socket, ...place, reconnectStrategy: false },
  })
}

async function nodeAt(
  cluster: NodeRedisCluster,
  listening: Listening,
  address: string,
): Promise<Duplicable> {
  const [model] = cluster.masters
  if (!model) throw new Error('no primary of the Cluster is known')
  return withOneLife(
    (await cluster.nodeClient(model)) as Duplicable,
    listening,
    hostAndPort(address),
  )
}

async function slotsOf(cluster: NodeRedisCluster, link: Link): Promise<PrimarySlots> {
  const { nodeAddressMap: map } =
    (
      cluster as {
        _options?: {
          nodeAddressMap?:
            Record<string, HostAndPort> | ((address: string) => HostAndPort | undefined)
        }
      }
    )._options ?? {}
  return primarySlots(link, typeof map === 'function' ? map : (address) => map?.[address])
}

interface Slots {
  readonly slots: readonly ({ readonly master: unknown } | undefined)[]
}

async function nodeFor(
  cluster: NodeRedisCluster & Slots,
  channel: string | undefined,
): Promise<Duplicable> {
  const owner = channel === undefined ? undefined : cluster.slots[slot(channel)]?.master
  const node = owner ?? cluster.masters[Math.floor(Math.random() * cluster.masters.length)]
  if (!node) throw new Error('no primary of the Cluster is known')
  return (await cluster.nodeClient(node)) as Duplicable
}

async function quietly(client: NodeRedisClient): Promise<void> {
  try {
    await client.destroy()
  } catch {
    // it was closed already
  }
}

function addressOf({ options }: Duplicable): string {
  const { path, host = 'localhost', port = 6379 } = options?.socket ?? {}
  return path ?? `${host}:${port}`
}
