import { slot } from '../../client/keys.js'
import type { SubscribeOptions } from '../driver.js'
import type { ManagedConnection } from '../shared/managed-connection.js'
import {
  hostAndPort,
  primarySlots,
  type HostAndPort,
  type PrimarySlots,
} from '../shared/primaries.js'
import { errorOf, isReplyError } from '../shared/replies.js'
import type { OpenSubscription } from '../shared/subscription-connection.js'
import { TRACKING_CHANNEL, isTrackingChannel, keysOf, startTracking } from '../shared/tracking.js'
import { addressOf, onEnd, unrefConnections } from './adapter.js'
import type { IoredisCluster, IoredisNode } from './client-shape.js'

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
  connect: () => IoredisNode | Promise<IoredisNode>,
  { channels, sharded, tracking }: SubscriptionRequest,
): OpenSubscription {
  return async ({ message, invalidated, ended }, beatChannels, signal) => {
    const own = await connect()
    signal.throwIfAborted()
    signal.addEventListener('abort', () => own.disconnect(), { once: true })
    own.on('error', () => undefined)
    unrefConnections(own)
    if (tracking)
      own.on('messageBuffer', (channel: Buffer, payload: unknown) => {
        if (isTrackingChannel(channel)) invalidated(keysOf(payload))
      })
    own.on('message', (channel: string, payload: string) => {
      if (!isTrackingChannel(channel)) message(channel, payload)
    })
    own.on('smessage', message)
    onEnd(own, ended)
    try {
      await own.connect()
      if (tracking) await startTracking((...args) => own.call('CLIENT', args), tracking.prefixes)
      const plain = [
        ...(sharded ? [] : channels),
        ...beatChannels,
        ...(tracking ? [TRACKING_CHANNEL] : []),
      ]
      // ioredis only knows this command in lower case.
      if (sharded) await own.call('ssubscribe', [...channels])
      if (plain.length > 0) await own.subscribe(...plain)
    } catch (error) {
      own.disconnect()
      throw isReplyError(error) ? errorOf(error, { args: ['SUBSCRIBE'], keys: [] }) : error
    }
  }
}

/**
 * Options of a connection that does not reconnect. It uses RESP2, the only protocol in which both
 * major versions pass on the messages of CLIENT TRACKING.
 */
export const NO_RECONNECT = {
  lazyConnect: true,
  protocol: 2,
  retryStrategy: null,
  autoResubscribe: false,
  connectTimeout: 2_000,
  maxRetriesPerRequest: 0,
  readOnly: false,
}

/** Returns an unconnected client for the owner of a channel, or for any primary. */
export async function connectionFor(
  cluster: IoredisCluster,
  connection: ManagedConnection,
  channel: string | undefined,
): Promise<IoredisNode> {
  await ensureNodesKnown(cluster, connection)
  const nodes = cluster.nodes('master')
  if (nodes.length === 0) throw new Error('no primary of the Cluster is known')
  const owner = channel === undefined ? undefined : cluster.slots[slot(channel)]?.[0]
  return (
    nodes.find((node) => addressOf(node) === owner) ??
    nodes[Math.floor(Math.random() * nodes.length)]!
  ).duplicate(NO_RECONNECT)
}

/** Returns an unconnected client for the primary at an address. */
export function connectionTo(cluster: IoredisCluster, address: string): IoredisNode {
  const [knownNode] = cluster.nodes('master')
  if (!knownNode) throw new Error('no primary of the Cluster is known')
  return knownNode.duplicate({ ...NO_RECONNECT, ...hostAndPort(address) })
}

/** Returns the primaries of the Cluster, as the address map of the client translates them. */
export async function primariesOf(
  cluster: IoredisCluster,
  connection: ManagedConnection,
): Promise<PrimarySlots> {
  const { natMap } = cluster.options as {
    natMap?: Record<string, HostAndPort> | ((address: string) => HostAndPort | null)
  }
  const translate = typeof natMap === 'function' ? natMap : (address: string) => natMap?.[address]
  return primarySlots(connection, translate)
}

/**
 * Waits until the client has connected, if it can. Before that, it takes all nodes of its
 * configuration for primaries.
 */
export async function ensureNodesKnown(
  cluster: IoredisCluster,
  connection: ManagedConnection,
): Promise<void> {
  // This command waits for the connection.
  if (cluster.status !== 'ready') await connection.send([{ args: ['PING'], keys: [] }])[0]
}
