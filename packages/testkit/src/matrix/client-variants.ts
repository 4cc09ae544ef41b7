import {
  ioredisClients,
  type Ioredis,
  type IoredisLibrary,
  type IoredisVariant,
} from './ioredis.js'
import {
  nodeRedisClients,
  type NodeRedis,
  type NodeRedisLibrary,
  type Protocol,
} from './node-redis.js'
import type { SingleDeployment } from './deployments.js'

export type RawClient = Ioredis | NodeRedis

/**
 * One version of a client library with one protocol. It is loaded on demand, because loading all of
 * them takes a second.
 */
export interface ClientVariant<Client extends 'ioredis' | 'node-redis', Raw> {
  readonly name: string
  readonly client: Client
  load(): Promise<(deployment: SingleDeployment) => Raw>
}

export type AnyClientVariant =
  ClientVariant<'ioredis', Ioredis> | ClientVariant<'node-redis', NodeRedis>

export const newestIoredis = ioredis('ioredis', ioredis6)
export const newestNodeRedis = nodeRedis('node-redis', redis6)

/** The defaultVariants major version of both libraries, with default options. */
export const defaultVariants: readonly AnyClientVariant[] = [newestIoredis, newestNodeRedis]

/** Major 5 of both libraries, and the other version of RESP. */
export const additionalVariants: readonly AnyClientVariant[] = [
  ioredis('ioredis RESP 2', ioredis6, { protocol: 2 }),
  ioredis('ioredis 5', ioredis5),
  nodeRedis('node-redis RESP 2', redis6, { RESP: 2 }),
  nodeRedis('node-redis 5', redis5),
  nodeRedis('node-redis 5 RESP 3', redis5, { RESP: 3 }),
]

function ioredis(
  name: string,
  library: () => Promise<IoredisLibrary>,
  variant: IoredisVariant = {},
): ClientVariant<'ioredis', Ioredis> {
  return { name, client: 'ioredis', load: async () => ioredisClients(await library(), variant) }
}

function nodeRedis(
  name: string,
  library: () => Promise<NodeRedisLibrary>,
  protocol: Protocol = {},
): ClientVariant<'node-redis', NodeRedis> {
  return {
    name,
    client: 'node-redis',
    load: async () => nodeRedisClients(await library(), protocol),
  }
}

function ioredis6(): Promise<IoredisLibrary> {
  return import('ioredis')
}

// TypeScript never treats classes with private members as assignable to each other.
async function ioredis5(): Promise<IoredisLibrary> {
  return (await import('ioredis-5')) as unknown as IoredisLibrary
}

async function redis6(): Promise<NodeRedisLibrary> {
  return (await import('redis')) as unknown as NodeRedisLibrary
}

async function redis5(): Promise<NodeRedisLibrary> {
  return (await import('redis-5')) as unknown as NodeRedisLibrary
}
