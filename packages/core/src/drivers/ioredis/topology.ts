import { InvalidOptionError } from '../../errors.js'
import type { Topology } from '../driver.js'
import type { IoredisCluster, IoredisNode } from './client-shape.js'

/**
 * Returns the topology of a client, which it recognises by its shape.
 *
 * @throws {InvalidOptionError} for other objects, and for clients with unsupported options.
 */
export function topologyOf(client: unknown): Topology {
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
  // These are checked first, since a Cluster copies their keyPrefix into its own options.
  refuseUnsupported('client.options.redisOptions', options.redisOptions ?? {})
  refuseUnsupported('client.options', options)
  if (typeof shape.nodes === 'function' && Array.isArray(shape.slots)) {
    if (options.scaleReads !== undefined && options.scaleReads !== 'master')
      throw new InvalidOptionError(
        'client.options.scaleReads',
        "'master': a replica may return invalidated values",
        options.scaleReads,
      )
    return 'cluster'
  }
  if (options.readOnly)
    throw new InvalidOptionError(
      'client.options.readOnly',
      'unset: a replica may return invalidated values',
      true,
    )
  if (!options.sentinels) return 'standalone'
  if (options.role === 'slave')
    throw new InvalidOptionError(
      'client.options.role',
      "'master': a replica may return invalidated values",
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

function refuseUnsupported(path: string, { keyPrefix, stringNumbers, monitor }: NodeOptions): void {
  if (keyPrefix)
    throw new InvalidOptionError(
      `${path}.keyPrefix`,
      'unset: give createCacheClient a `namespace` instead',
      keyPrefix,
    )
  if (stringNumbers)
    throw new InvalidOptionError(
      `${path}.stringNumbers`,
      'unset: the patterns calculate with the numbers that Redis returns',
      stringNumbers,
    )
  if (monitor)
    throw new InvalidOptionError(
      `${path}.monitor`,
      'unset: a monitoring client cannot send commands',
      monitor,
    )
}
