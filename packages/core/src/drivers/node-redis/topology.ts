import { InvalidOptionError } from '../../errors.js'
import type { Topology } from '../driver.js'
import type { NodeRedisCluster, NodeRedisSentinel } from './client-shape.js'

/**
 * Returns the topology of a client, which it recognises by its shape.
 *
 * @throws {InvalidOptionError} for other objects, and for clients with unsupported options.
 */
export function topologyOf(client: unknown): Topology {
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
      "a client made by createClient, createSentinel or createCluster of 'redis' " +
        '(for ioredis there is ioredisDriver)',
      client,
    )
  }
  // A Cluster has its options in `_options`. Only one option of a Sentinel client is visible.
  const { options, _options, _keyPrefix } = shape as {
    options?: NodeOptions
    _options?: NodeOptions & { defaults?: NodeOptions }
    _keyPrefix?: unknown
  }
  refuseUnsupported('client.options', options ?? _options ?? { keyPrefix: _keyPrefix })
  refuseUnsupported('client.options.defaults', _options?.defaults ?? {})
  if (typeof shape.nodeClient === 'function') return 'cluster'
  return typeof shape.getSentinelNode === 'function' ? 'sentinel' : 'standalone'
}

interface NodeOptions {
  readonly keyPrefix?: unknown
  readonly readonly?: boolean
}

function refuseUnsupported(path: string, { keyPrefix, readonly }: NodeOptions): void {
  if (keyPrefix !== undefined && keyPrefix !== '')
    throw new InvalidOptionError(
      `${path}.keyPrefix`,
      'unset: give createCacheClient a `namespace` instead',
      keyPrefix,
    )
  if (readonly)
    throw new InvalidOptionError(
      `${path}.readonly`,
      'unset: a replica may return invalidated values',
      readonly,
    )
}
