import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { childProcess } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { createWriteThrough } from '../../src/index.js'

// One of several processes that read and write the same few rows at random. The rows are in a
// separate Redis that stands for the database. It counts the versions of each row, and records when
// each version was made and which was acknowledged.

export interface Start {
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  readonly topology: 'standalone' | 'cluster'
  readonly client: 'ioredis' | 'node-redis'
  readonly source: string
  readonly ids: number
  readonly pattern: 'ours' | 'without version' | 'merging' | 'as usually written'
  readonly intentTtl: number
}

export interface Row {
  readonly id: number
  readonly version: number
}

export interface Report {
  readonly type: 'so far'
  readonly reads: number
  /** Of those: what nobody had to ask the source for. */
  readonly hits: number
  readonly writes: number
  readonly refused: number
  /** Older than a write that had been acknowledged when the read began. */
  readonly stale: readonly string[]
  /**
   * Reads of rows older than a write that was made more than an intent before the read began,
   * whether it was acknowledged or not.
   */
  readonly outlived: readonly string[]
}

const SLACK = 500
const WRITES = 0.3
const child = childProcess<Start>()
const { addresses, topology, client: kind, source: url, ids, pattern, intentTtl } = child.data
const source = new Redis(url)
const client = createCacheClient(connect(), {
  resilience: { readTimeout: 300, writeTimeout: 500, breaker: { failures: 5, cooldown: 100 } },
})
const rows = pattern === 'as usually written' ? usual(client) : ours()
let loads = 0
const seen = {
  reads: 0,
  hits: 0,
  writes: 0,
  refused: 0,
  stale: [] as string[],
  outlived: [] as string[],
}

await child.say('ready')
let writes = WRITES
void child.next('only read', { timeout: 600_000 }).then(() => {
  writes = 0
})
await Promise.all(Array.from({ length: 4 }, work))

async function work(): Promise<never> {
  for (;;) {
    const id = Math.floor(Math.random() * ids)
    if (Math.random() < writes) await write(id)
    else await read(id)
    if (Math.random() < 0.02) await child.say({ type: 'so far', ...seen } satisfies Report)
    await sleep(Math.random() * 4)
  }
}

async function write(id: number): Promise<void> {
  try {
    const row = await rows.update(id)
    await source.eval(
      `if tonumber(redis.call('HGET', 'acknowledged', KEYS[1]) or 0) < tonumber(ARGV[1]) then
        redis.call('HSET', 'acknowledged', KEYS[1], ARGV[1])
      end`,
      1,
      String(id),
      row.version,
    )
    seen.writes++
  } catch {
    seen.refused++ // by a Redis that was out
  }
}

async function read(id: number): Promise<void> {
  const [acknowledged, now] = await Promise.all([
    source.hget('acknowledged', String(id)),
    source.time(),
  ])
  const before = loads
  const { version } = await rows.get(id)
  seen.reads++
  if (loads === before) seen.hits++
  if (version < Number(acknowledged ?? 0))
    seen.stale.push(
      `row ${id}: version ${version} was read after ${acknowledged} had been acknowledged`,
    )
  const next = await source.hget(`times:${id}`, String(version + 1))
  const age =
    next === null ? 0 : Number(now[0]) * 1_000 + Math.floor(Number(now[1]) / 1_000) - Number(next)
  if (age > intentTtl + SLACK)
    seen.outlived.push(`row ${id}: version ${version} was read ${age} ms after the next one`)
}

async function load(id: number): Promise<Row> {
  loads++
  return { id, version: Number((await source.hget('versions', String(id))) ?? 0) }
}

async function store(id: number): Promise<Row> {
  const version = (await source.eval(
    `local v = redis.call('HINCRBY', 'versions', KEYS[1], 1)
    local t = redis.call('TIME')
    local ms = t[1] * 1000 + math.floor(t[2] / 1000)
    redis.call('HSET', 'times:' .. KEYS[1], v, ms)
    return v`,
    1,
    String(id),
  )) as number
  await sleep(Math.random() * 3)
  return { id, version }
}

function ours() {
  const options = { client, prefix: 'row', ttl: '1h', intentTtl, load } as const
  if (pattern !== 'merging') {
    const cache = createWriteThrough({
      ...options,
      store: (id: number, _patch: object) => store(id),
      ...(pattern === 'ours' && { version: ({ version }: Row) => version }),
    })
    return { get: (id: number) => cache.get(id), update: (id: number) => cache.update(id, {}) }
  }
  const cache = createWriteThrough({
    ...options,
    store: async (id: number, made: { row?: Row }) => {
      made.row = await store(id)
    },
    merge: ({ id, version }) => ({ id, version: version + 1 }),
  })
  return {
    get: (id: number) => cache.get(id),
    async update(id: number): Promise<Row> {
      const made: { row?: Row } = {}
      const merged = await cache.update(id, made)
      if (merged && merged.version !== made.row!.version)
        seen.stale.push(
          `row ${id}: merged to version ${merged.version}, but it is ${made.row!.version}`,
        )
      return made.row!
    },
  }
}

/** Write the row, then set the entry; read the entry, or load the row and set it. */
function usual({ send }: CacheClient) {
  const set = (row: Row) =>
    send({
      args: ['SET', `usual:${row.id}`, JSON.stringify(row), 'PX', '3600000'],
      keys: [`usual:${row.id}`],
    })
  return {
    async get(id: number): Promise<Row> {
      const found = await send({ args: ['GET', `usual:${id}`], keys: [`usual:${id}`] }).catch(
        () => null,
      )
      if (found !== null) return JSON.parse(String(found)) as Row
      const row = await load(id)
      await set(row).catch(() => undefined)
      return row
    },
    async update(id: number): Promise<Row> {
      const row = await store(id)
      await set(row)
      return row
    },
  }
}

function connect() {
  const nodes = addresses.map(({ host, port }) => ({ host, port }))
  const [{ host, port }] = nodes as [{ host: string; port: number }]
  if (kind === 'ioredis')
    return ioredisDriver(
      topology === 'cluster'
        ? new Cluster(nodes)
        : new Redis({ host, port, retryStrategy: () => 50 }),
    )
  return nodeRedisDriver(
    topology === 'cluster'
      ? createCluster({ rootNodes: nodes.map((socket) => ({ socket })) })
      : createClient({ socket: { host, port, reconnectStrategy: 50 } }),
  )
}
