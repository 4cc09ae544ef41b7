import { CacheError, InvalidOptionError } from '../errors.js'
import { slot } from '../keys.js'
import { checkOptions } from '../options.js'
import type { Driver, DriverOptions, NodeHandle, Topology } from './driver.js'
import { subscribeThrough, type Feed, type OpenFeed } from './feed.js'
import { bySlot } from './group.js'
import { Link } from './link.js'
import type { NodeRedisClient, NodeRedisCluster, NodeRedisSentinel, NodeRedisStandalone } from './node-redis-client.js'
import { nodeRedisWire } from './node-redis-wire.js'

export type { DriverOptions } from './driver.js'
export type { NodeRedisClient, NodeRedisCluster, NodeRedisSentinel, NodeRedisStandalone } from './node-redis-client.js'

/** A client that may be duplicated, to subscribe or to block with. */
interface Duplicable extends NodeRedisStandalone {
  readonly options?: { readonly socket?: { readonly host?: string; readonly port?: number; readonly path?: string } }
  duplicate(overrides?: object): Duplicable
  subscribe(channels: readonly string[], listener: (payload: string, channel: string) => void): Promise<unknown>
  unsubscribe(channels: readonly string[], listener: (payload: string, channel: string) => void): Promise<unknown>
  sSubscribe(channels: readonly string[], listener: (payload: string, channel: string) => void): Promise<unknown>
}

/**
 * A driver over node-redis (`redis`) 5 or 6: `createClient`, `createSentinel` or `createCluster`, recognised by its shape. It connects
 * the client if nobody has; otherwise the client stays yours: its options are not changed, and `close()` leaves it open. Reads go to
 * primaries.
 *
 * @throws {InvalidOptionError} for anything else, `createClientPool` for one: one connection serves all commands of a tick.
 * @example
 * const client = createCacheClient(nodeRedisDriver(createClient()))
 * const client = createCacheClient(nodeRedisDriver(createCluster({ rootNodes: [{ url }] })))
 */
export function nodeRedisDriver(client: NodeRedisStandalone | NodeRedisSentinel | NodeRedisCluster, options: DriverOptions = {}): Driver {
  const check = checkOptions('nodeRedisDriver', options, ['timeout'])
  const timeout = check.duration('timeout', 1_000)
  const topology = topologyOf(client)
  const link = new Link(nodeRedisWire(client, topology), timeout)
  const opened = new Set<{ close(): Promise<void> }>()
  const duplicable = client as Duplicable

  return {
    name: 'node-redis',
    topology,
    send: (commands, how) => link.send(commands, how),
    group: topology === 'cluster' ? bySlot : (keys) => (keys.length === 0 ? [] : [keys]),

    async dedicate() {
      if (typeof duplicable.duplicate !== 'function') {
        throw new CacheError("node-redis 5 can't duplicate a Sentinel client, so there is no connection of its own for blocking commands. Use redis 6, or ioredis.", { code: 'UNSUPPORTED' })
      }
      const own = duplicable.duplicate()
      const connection = new Link(nodeRedisWire(own, topology))
      const handle = {
        send: connection.send.bind(connection),
        async close() {
          opened.delete(handle)
          await connection.close()
          await quietly(own)
        },
      }
      opened.add(handle)
      return handle
    },

    async subscribe(channels, on, { sharded = false } = {}) {
      const subscription = await subscribeThrough(openFeed(duplicable, link, topology, channels, sharded), on, timeout)
      const handle = { close: () => { opened.delete(handle); return subscription.close() } }
      opened.add(handle)
      return handle
    },

    nodes: async () => (topology === 'cluster' ? primaries(client as NodeRedisCluster, link, timeout) : [{ id: addressOf(duplicable), send: (commands, how) => link.send(commands, how) }]),

    async close() {
      await Promise.all([...opened].map((one) => one.close()))
      await link.close()
    },
  }
}

function topologyOf(client: unknown): Topology {
  const shape = client as Partial<NodeRedisCluster & NodeRedisSentinel & { idleClients: unknown; isPubSubActive: unknown }> | null | undefined
  const isClient = typeof shape === 'object' && shape !== null && typeof shape.sendCommand === 'function' && typeof shape.isOpen === 'boolean'
  if (!isClient || shape.idleClients !== undefined) {
    throw new InvalidOptionError('client', "what createClient, createSentinel or createCluster of 'redis' made (for ioredis there is ioredisDriver)", client)
  }
  const keyPrefix = (shape as { options?: { keyPrefix?: unknown } }).options?.keyPrefix
  if (keyPrefix !== undefined && keyPrefix !== '') throw new InvalidOptionError('client.options.keyPrefix', 'unset: give createCacheClient a `namespace` instead', keyPrefix)
  if (typeof shape.nodeClient === 'function') return 'cluster'
  return typeof shape.getSentinelNode === 'function' ? 'sentinel' : 'standalone'
}

async function primaries(cluster: NodeRedisCluster, link: Link, timeout: number): Promise<NodeHandle[]> {
  await link.send([{ args: ['PING'], keys: [] }]) // connected, if it can be
  return Promise.all(cluster.masters.map(async (master) => {
    const node = (await cluster.nodeClient(master)) as NodeRedisStandalone
    let handle = handles.get(node)
    if (!handle) {
      const own = new Link(nodeRedisWire(node, 'standalone'), timeout)
      handles.set(node, (handle = { id: `${master.host}:${master.port}`, send: (commands, how) => own.send(commands, how) }))
    }
    return handle
  }))
}

/** One link for each node, however often it is asked for. */
const handles = new WeakMap<NodeRedisStandalone, NodeHandle>()

/** A connection of its own, with one life: what comes after its end is the feed's business. */
function openFeed(client: Duplicable, link: Link, topology: Topology, channels: readonly string[], sharded: boolean): OpenFeed {
  return async ({ message, ended }) => {
    await link.send([{ args: ['PING'], keys: [] }]) // connected, if it can be
    const listener = (payload: string, channel: string): void => message(channel, payload)
    if (topology === 'sentinel') return sentinelFeed(client, channels, listener, ended)
    const own = await duplicateFor(client, topology, sharded ? channels[0] : undefined)
    for (const event of ['error', 'end', 'sharded-channel-moved']) own.on(event, ended)
    try {
      await own.connect()
      await (sharded ? own.sSubscribe(channels, listener) : own.subscribe(channels, listener))
    } catch (error) {
      await quietly(own)
      throw error
    }
    return { close: () => void quietly(own) }
  }
}

/** A Sentinel client keeps a connection for messages and reconnects it by itself; any trouble it tells of may have been a gap. */
async function sentinelFeed(client: Duplicable, channels: readonly string[], listener: (payload: string, channel: string) => void, ended: () => void): Promise<Feed> {
  const events = ['error', 'client-error', 'topology-change']
  const stop = (): void => {
    for (const event of events) client.off(event, onTrouble)
    client.unsubscribe(channels, listener).catch(() => undefined)
  }
  const onTrouble = (): void => {
    stop()
    ended()
  }
  await client.subscribe(channels, listener)
  for (const event of events) client.on(event, onTrouble)
  return { close: stop }
}

async function duplicateFor(client: Duplicable, topology: Topology, channel: string | undefined): Promise<Duplicable> {
  const node = topology === 'cluster' ? await nodeFor(client as unknown as NodeRedisCluster & Slots, channel) : client
  return node.duplicate({ socket: { ...node.options?.socket, reconnectStrategy: false } })
}

interface Slots {
  readonly slots: readonly ({ readonly master: unknown } | undefined)[]
}

async function nodeFor(cluster: NodeRedisCluster & Slots, channel: string | undefined): Promise<Duplicable> {
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
