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
import type { OnePlace } from './places.js'

export type RawClient = Ioredis | NodeRedis

/**
 * One client library in one version, speaking one protocol. Loaded when it is needed: together they
 * take a second.
 */
export interface Flavour<Client extends 'ioredis' | 'node-redis', Raw> {
  readonly name: string
  readonly client: Client
  load(): Promise<(place: OnePlace) => Raw>
}

export type AnyFlavour = Flavour<'ioredis', Ioredis> | Flavour<'node-redis', NodeRedis>

export const newestIoredis = ioredis('ioredis', ioredis6)
export const newestNodeRedis = nodeRedis('node-redis', redis6)

/** What the libraries' newest majors do unless told otherwise. */
export const newest: readonly AnyFlavour[] = [newestIoredis, newestNodeRedis]

/** Major 5 of both, and both protocols. */
export const further: readonly AnyFlavour[] = [
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
): Flavour<'ioredis', Ioredis> {
  return { name, client: 'ioredis', load: async () => ioredisClients(await library(), variant) }
}

function nodeRedis(
  name: string,
  library: () => Promise<NodeRedisLibrary>,
  protocol: Protocol = {},
): Flavour<'node-redis', NodeRedis> {
  return {
    name,
    client: 'node-redis',
    load: async () => nodeRedisClients(await library(), protocol),
  }
}

function ioredis6(): Promise<IoredisLibrary> {
  return import('ioredis')
}

// Classes with private members are never assignable to each other, however alike they are.
async function ioredis5(): Promise<IoredisLibrary> {
  return (await import('ioredis-5')) as unknown as IoredisLibrary
}

async function redis6(): Promise<NodeRedisLibrary> {
  return (await import('redis')) as unknown as NodeRedisLibrary
}

async function redis5(): Promise<NodeRedisLibrary> {
  return (await import('redis-5')) as unknown as NodeRedisLibrary
}
