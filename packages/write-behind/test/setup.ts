import {
  createCacheClient,
  type CacheClient,
  type Logger,
  type ResilienceOptions,
} from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import type { Address, RedisServer } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import {
  createWriteBehind,
  createWriteBehindWorker,
  type WriteBehindWorkerOptions,
} from '../src/index.js'
import { Table, type Row } from './cases.js'

export const clientKinds = ['ioredis', 'node-redis'] as const
export type ClientKind = (typeof clientKinds)[number]

/**
 * Resolves to the full name of a key of the first partition of the queue `rows`, or to `''` if
 * there is no such key. `name` is for example `owner` or `session:*`.
 */
export function findKey(redis: RedisServer, name: string): Promise<string> {
  return redis.cli('KEYS', `*rows:0}:${name}`)
}

/** Returns a client of a server that only this test uses. */
export function connect(
  kind: ClientKind,
  url: string,
  resilience: ResilienceOptions = { readTimeout: '5s', writeTimeout: '5s' },
  logger?: Logger,
): CacheClient & AsyncDisposable {
  const raw =
    kind === 'ioredis'
      ? new Redis(url, { retryStrategy: () => 20 })
      : createClient({ url, socket: { reconnectStrategy: 20 } })
  raw.on('error', () => undefined)
  const client = createCacheClient(
    raw instanceof Redis ? ioredisDriver(raw) : nodeRedisDriver(raw),
    { resilience, ...(logger && { logger }) },
  )
  return withDispose(client, () => (raw instanceof Redis ? raw.disconnect() : raw.destroy()))
}

/** Returns a client of a Cluster that connects through one proxy for each node. */
export function connectCluster(
  kind: ClientKind,
  proxies: ReadonlyMap<string, Address>,
  resilience: ResilienceOptions,
): CacheClient & AsyncDisposable {
  const map = Object.fromEntries(
    [...proxies].map(([node, { host, port }]) => [node, { host, port }]),
  )
  const { host, port } = [...proxies.values()][0]!
  if (kind === 'ioredis') {
    const raw = new Cluster([{ host, port }], { natMap: map })
    raw.on('error', () => undefined)
    return withDispose(createCacheClient(ioredisDriver(raw), { resilience }), () =>
      raw.disconnect(),
    )
  }
  const raw = createCluster({
    rootNodes: [{ url: `redis://${host}:${port}` }],
    nodeAddressMap: map,
  })
  raw.on('error', () => undefined)
  return withDispose(createCacheClient(nodeRedisDriver(raw), { resilience }), () => raw.destroy())
}

function withDispose(client: CacheClient, end: () => unknown): CacheClient & AsyncDisposable {
  return {
    ...client,
    async [Symbol.asyncDispose]() {
      await client.close()
      end()
    },
  }
}

type WorkerOverrides = Partial<WriteBehindWorkerOptions<Row, string>>

/** Creates the queues and workers of one test, with one partition by default. Stops the workers. */
export class Setup implements AsyncDisposable {
  readonly table = new Table()
  readonly #client: CacheClient
  readonly #stops: (() => Promise<unknown>)[] = []

  constructor(client: CacheClient) {
    this.#client = client
  }

  /** Creates a queue of whole values. */
  rows(overrides: object = {}) {
    return createWriteBehind<Row | null, string, Row>({
      client: this.#client,
      prefix: 'rows',
      ttl: '1h',
      partitions: 1,
      load: this.table.load,
      ...overrides,
    })
  }

  /** Creates a queue of increments. */
  counters(overrides: object = {}) {
    const merge = (current: Row | undefined, by: number): Row => ({
      name: 'counter',
      age: (current?.age ?? 0) + by,
    })
    return createWriteBehind<Row | null, string, number>({
      client: this.#client,
      prefix: 'rows',
      ttl: '1h',
      partitions: 1,
      load: this.table.load,
      merge,
      ...overrides,
    })
  }

  startWorker(overrides: WorkerOverrides = {}) {
    const worker = createWriteBehindWorker<Row, string>({
      client: this.#client,
      prefix: 'rows',
      partitions: 1,
      flush: this.table.upsert,
      ownershipTtl: '5s',
      linger: 5,
      retry: { attempts: 3, backoff: 20, max: 100 },
      ...overrides,
    })
    const stop = new AbortController()
    const running = worker.run({ signal: stop.signal })
    const end = async (): Promise<void> => {
      stop.abort()
      await running
    }
    this.#stops.push(end)
    return { worker, end }
  }

  async [Symbol.asyncDispose]() {
    await Promise.all(this.#stops.map((stop) => stop()))
  }
}
