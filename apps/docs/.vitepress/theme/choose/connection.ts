import type { Answers } from './questions.js'
import type { Snippet } from './snippets.js'

/** The part of a program that connects to Redis, and the lines that end it. */
export interface Connection extends Snippet {
  readonly end: readonly string[]
}

const url = "process.env.REDIS_URL ?? 'redis://localhost:6379'"

/** How each library connects to each kind of servers: the names it imports, and the code. */
const clients = {
  ioredis: {
    driver: 'ioredisDriver',
    package: 'ioredis',
    end: 'disconnect',
    one: ['Redis', `new Redis(${url})`],
    sentinel: [
      'Redis',
      "new Redis({ name: 'main', sentinels: [{ host: 'sentinel-1', port: 26379 }] })",
    ],
    cluster: ['Cluster', "new Cluster([{ host: 'redis-1', port: 6379 }])"],
  },
  'node-redis': {
    driver: 'nodeRedisDriver',
    package: 'redis',
    end: 'destroy',
    one: ['createClient', `createClient({ url: ${url} })`],
    sentinel: [
      'createSentinel',
      "createSentinel({ name: 'main', sentinelRootNodes: [{ host: 'sentinel-1', port: 26379 }] })",
    ],
    cluster: ['createCluster', "createCluster({ rootNodes: [{ url: 'redis://redis-1:6379' }] })"],
  },
} as const

/** Returns the code that connects to `servers` with `library`. */
export function connection(servers: Answers['servers'], library: Answers['library']): Connection {
  const client = clients[library]
  const common: Snippet['imports'] = [
    ['@cache/core', 'createCacheClient'],
    [`@cache/core/${library}`, client.driver],
  ]
  if (servers === 'shards') return shards(common, client)

  const [name, create] = client[servers]
  return {
    packages: [],
    imports: [...common, [client.package, name]],
    code: [
      `const redis = ${create}`,
      `const client = createCacheClient(${client.driver}(redis), { namespace: 'shop' })`,
    ].join('\n'),
    end: [`redis.${client.end}()`],
  }
}

function shards(
  common: Snippet['imports'],
  client: (typeof clients)[Answers['library']],
): Connection {
  const [name, create] = client.one
  const second = create.replace('REDIS_URL', 'REDIS_URL_2').replace('6379', '6380')
  return {
    packages: [['sharding', 'Several servers as one.']],
    imports: [...common, ['@cache/sharding', 'shardedDriver'], [client.package, name]],
    code: [
      `const a = ${create}`,
      `const b = ${second}`,
      `const shards = { a: ${client.driver}(a), b: ${client.driver}(b) }`,
      "const client = createCacheClient(shardedDriver({ shards }), { namespace: 'shop' })",
    ].join('\n'),
    end: [`a.${client.end}()`, `b.${client.end}()`],
  }
}
