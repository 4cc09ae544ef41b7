import { slot } from '../../client/keys.js'
import { CacheError } from '../../errors.js'
import type { SubscribeOptions, Topology } from '../driver.js'
import { listenTo } from '../shared/client-events.js'
import type { ManagedConnection } from '../shared/managed-connection.js'
import {
  hostAndPort,
  primarySlots,
  type HostAndPort,
  type PrimarySlots,
} from '../shared/primaries.js'
import { errorOf, isReplyError } from '../shared/replies.js'
import type { OpenSubscription } from '../shared/subscription-connection.js'
import { TRACKING_CHANNEL, keysOf, startTracking } from '../shared/tracking.js'
import type { NodeRedisClient, NodeRedisCluster, NodeRedisStandalone } from './client-shape.js'

/** A client that can be duplicated, to subscribe or to block. */
export interface Duplicable extends NodeRedisStandalone {
  readonly options?: {
    readonly socket?: { readonly host?: string; readonly port?: number; readonly path?: string }
  }
  duplicate(overrides?: object): Duplicable
  /** Lets the process end while the client is connected. */
  unref?(): void
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

/** What a connection subscribes to. */
export interface SubscriptionRequest {
  readonly channels: readonly string[]
  readonly sharded: boolean
  readonly tracking: SubscribeOptions['tracking']
}

/**
 * Returns a function that subscribes on a separate connection, which does not reconnect.
 * `keepSubscribed` opens another one when it ends.
 */
export function openOn(
  connect: () => Promise<Duplicable>,
  { channels, sharded, tracking }: SubscriptionRequest,
): OpenSubscription {
  return async ({ message, invalidated, ended }, beatChannels, signal) => {
    const own = await connect()
    signal.throwIfAborted()
    signal.addEventListener('abort', () => void destroyQuietly(own), { once: true })
    const listener = (payload: string, channel: string): void => message(channel, payload)
    for (const event of ['error', 'end', 'sharded-channel-moved']) own.on(event, ended)
    unrefConnections(own)
    // A client that is destroyed while it connects still opens its socket.
    own.on('connect', () => {
      if (signal.aborted) void destroyQuietly(own)
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
      const plain = [...(sharded ? [] : channels), ...beatChannels]
      if (sharded) await own.sSubscribe(channels, listener)
      if (plain.length > 0) await own.subscribe(plain, listener)
    } catch (error) {
      await destroyQuietly(own)
      throw isReplyError(error) ? errorOf(error, { args: ['SUBSCRIBE'], keys: [] }) : error
    }
  }
}

/**
 * Returns a function that subscribes on the connection for messages of a Sentinel client, which the
 * client reconnects by itself. Any error that it reports may have been a gap. All subscriptions
 * share this connection, so each of them unsubscribes separately.
 */
export function openOnSentinel(
  client: Duplicable,
  connection: ManagedConnection,
  { channels, tracking }: SubscriptionRequest,
): OpenSubscription {
  if (tracking)
    throw new CacheError(
      'A node-redis Sentinel client has no separate connection for tracking keys. ' +
        'Use ioredis, or an invalidation bus.',
      { code: 'UNSUPPORTED' },
    )
  return async ({ message, ended }, beatChannels, signal) => {
    const allChannels = [...channels, ...beatChannels]
    const listener = (payload: string, channel: string): void => message(channel, payload)
    await connection.send([{ args: ['PING'], keys: [] }])[0] // this waits for the connection
    signal.throwIfAborted()
    const stopListening = listenTo(client, {
      error: ended,
      'client-error': ended,
      'topology-change': ended,
    })
    const subscribed = client.subscribe(allChannels, listener)
    const stop = (): void => {
      stopListening()
      // This includes a subscription that is confirmed later.
      subscribed.then(() => client.unsubscribe(allChannels, listener)).catch(() => undefined)
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    await subscribed
  }
}

/** Returns an unconnected client for the owner of a sharded channel, or for any primary. */
export async function connectionFor(
  client: Duplicable,
  connection: ManagedConnection,
  topology: Topology,
  request: SubscriptionRequest,
): Promise<Duplicable> {
  await connection.send([{ args: ['PING'], keys: [] }])[0] // this waits for the connection
  const node =
    topology === 'cluster'
      ? await nodeOfChannel(
          client as unknown as NodeRedisCluster & Slots,
          request.sharded ? request.channels[0] : undefined,
        )
      : client
  return duplicateWithoutReconnect(node, request)
}

/**
 * Returns a duplicate that does not reconnect. With tracking it uses RESP2, the protocol in which
 * both major versions pass on the messages of CLIENT TRACKING.
 */
function duplicateWithoutReconnect(
  knownNode: Duplicable,
  { tracking }: SubscriptionRequest,
  address: Partial<HostAndPort> = {},
): Duplicable {
  return knownNode.duplicate({
    ...(tracking && { RESP: 2, clientSideCache: undefined, maintNotifications: 'disabled' }),
    socket: { ...knownNode.options?.socket, ...address, reconnectStrategy: false },
  })
}

/** Returns an unconnected client for the primary at an address. */
export async function connectionTo(
  cluster: NodeRedisCluster,
  request: SubscriptionRequest,
  address: string,
): Promise<Duplicable> {
  const [knownNode] = cluster.masters
  if (!knownNode) throw new Error('no primary of the Cluster is known')
  return duplicateWithoutReconnect(
    (await cluster.nodeClient(knownNode)) as Duplicable,
    request,
    hostAndPort(address),
  )
}

/** Returns the primaries of the Cluster, as the address map of the client translates them. */
export async function primariesOf(
  cluster: NodeRedisCluster,
  connection: ManagedConnection,
): Promise<PrimarySlots> {
  const { nodeAddressMap: map } =
    (
      cluster as {
        _options?: {
          nodeAddressMap?:
            Record<string, HostAndPort> | ((address: string) => HostAndPort | undefined)
        }
      }
    )._options ?? {}
  return primarySlots(connection, typeof map === 'function' ? map : (address) => map?.[address])
}

interface Slots {
  readonly slots: readonly ({ readonly master: unknown } | undefined)[]
}

async function nodeOfChannel(
  cluster: NodeRedisCluster & Slots,
  channel: string | undefined,
): Promise<Duplicable> {
  const owner = channel === undefined ? undefined : cluster.slots[slot(channel)]?.master
  const node = owner ?? cluster.masters[Math.floor(Math.random() * cluster.masters.length)]
  if (!node) throw new Error('no primary of the Cluster is known')
  return (await cluster.nodeClient(node)) as Duplicable
}

/**
 * Lets the process end while a client that the driver opened is connected. A Cluster has a client
 * for each node, which it creates when it first needs it.
 */
export function unrefConnections(client: Duplicable): void {
  client.unref?.()
  const { masters } = client as Partial<NodeRedisCluster>
  if (masters)
    client.on('node-connect', () => {
      for (const node of (client as unknown as NodeRedisCluster).masters)
        (node as { readonly client?: Partial<Duplicable> }).client?.unref?.()
    })
}

/** Closes a client, which may already be closed. */
export async function destroyQuietly(client: NodeRedisClient): Promise<void> {
  try {
    await client.destroy()
  } catch {
    // it was closed already
  }
}
