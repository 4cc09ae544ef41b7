import { setTimeout as sleep } from 'node:timers/promises'
import { createAside } from '@cache/aside'
import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { childProcess, eventually } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'

// One of several processes that read rows through near caches and invalidate them at random. The
// rows are versions in a separate Redis, which stands for the database. It stores when the
// invalidation of each version was acknowledged.

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Start {
  readonly topology: 'standalone' | 'cluster'
  readonly redis: readonly Address[]
  /** The addresses at which each process listens: its own proxy. */
  readonly listenAt: readonly (readonly Address[])[]
  readonly source: string
  readonly ids: number
  readonly heartbeat: number
  readonly onGap: 'empty' | 'replay'
}

export interface Progress {
  readonly type: 'progress'
  readonly reads: number
  readonly hits: number
  readonly writes: number
  readonly gaps: number
  /** Number of rows for which a message was received. */
  readonly receivedRows: number
  /** Stale reads by the process that invalidated the row. */
  readonly ownStale: readonly string[]
  /** Stale reads after the message that the row is invalid had been received. */
  readonly staleAfterMessage: readonly string[]
  /** Maximum age of a stale read, in ms since its invalidation was acknowledged. */
  readonly oldest: number
}

export interface Checked {
  readonly type: 'checked'
  readonly wrong: readonly string[]
  readonly answering: boolean
}

const child = childProcess<Start>()
const { topology, redis, listenAt, source: url, ids, heartbeat, onGap } = child.data
const patience = {
  resilience: { readTimeout: 300, writeTimeout: 500, breaker: { failures: 20, cooldown: 50 } },
}
const source = new Redis(url)
const client = createCacheClient(
  { ...connect(redis), subscribe: connect(listenAt[child.index]!).subscribe },
  patience,
)
const bus = createInvalidationBus({ client, heartbeat, onGap })
const near = withNearCache(client, { bus })
// The table is split into hash tags, so that one message can name a row and a second key in the
// same slot that contains the version.
const tables = Array.from({ length: 16 }, (_, tag) =>
  createAside<number, number | string>({ client: near, prefix: `row{${tag}}`, ttl: '1h' }),
)
const rowsOf = (id: number) => tables[id % tables.length]!
const load = async (id: number): Promise<number> =>
  Number((await source.hget('versions', String(id))) ?? 0)
const get = (id: number): Promise<number> => rowsOf(id).getOrLoad(id, () => load(id))
const results = {
  reads: 0,
  writes: 0,
  ownStale: [] as string[],
  staleAfterMessage: [] as string[],
  oldest: 0,
}
/** The highest version of each row that a message has named. */
const receivedVersions = new Map<number, number>()
bus.on('invalidate', ({ keys }) => {
  for (const key of keys) {
    const [, id, version] = /:(\d+)@(\d+)$/.exec(key) ?? []
    if (id !== undefined)
      receivedVersions.set(
        Number(id),
        Math.max(receivedVersions.get(Number(id)) ?? 0, Number(version)),
      )
  }
})
let stop = false

await eventually(() => bus.live, { within: 60_000 })
await child.say('ready')
await child.next('go')
const working = Promise.all(Array.from({ length: 4 }, work))
void child.next('stop', { timeout: 3_600_000 }).then(() => {
  stop = true
})
await working
await child.say('stopped')
await child.next('check', { timeout: 180_000 })
const wrong: string[] = []
for (let id = 0; id < ids; id++) {
  const [version, value] = [await load(id), await get(id)]
  if (value !== version) wrong.push(`row ${id}: version ${value} was read instead of ${version}`)
}
// A single late heartbeat is not an error, so this waits for the next.
await eventually(() => near.near.stats().answering).catch(() => undefined)
await child.say({
  type: 'checked',
  wrong,
  answering: near.near.stats().answering,
} satisfies Checked)
await child.next('end', { timeout: 180_000 })
process.exit()

async function work(): Promise<void> {
  while (!stop) {
    const id = Math.floor(Math.random() * ids)
    if (Math.random() < 0.1) await invalidate(id)
    else await read(id)
    if (Math.random() < 0.02)
      await child.say({
        type: 'progress',
        ...results,
        hits: near.near.stats().hits,
        gaps: bus.stats().gaps,
        receivedRows: receivedVersions.size,
      } satisfies Progress)
  }
}

async function invalidate(id: number): Promise<void> {
  const version = await source.hincrby('versions', String(id), 1)
  while (
    !(await rowsOf(id)
      .invalidate([id, `${id}@${version}`])
      .then(
        () => true,
        () => false,
      ))
  )
    await sleep(20)
  await source.eval(
    `local t = redis.call('TIME')
    local now = t[1] * 1000 + math.floor(t[2] / 1000)
    redis.call('HSET', 'times:' .. KEYS[1], ARGV[1], now)
    if tonumber(redis.call('HGET', 'acknowledged', KEYS[1]) or 0) < tonumber(ARGV[1]) then
      redis.call('HSET', 'acknowledged', KEYS[1], ARGV[1])
    end`,
    1,
    String(id),
    version,
  )
  results.writes++
  const now = await get(id)
  if (now < version)
    results.ownStale.push(
      `row ${id}: version ${now} was read after ${version} had been invalidated here`,
    )
}

async function read(id: number): Promise<void> {
  const [acknowledged, time] = await Promise.all([
    source.hget('acknowledged', String(id)),
    source.time(),
  ])
  const atLeast = receivedVersions.get(id) ?? 0
  const version = await get(id)
  results.reads++
  if (version < atLeast)
    results.staleAfterMessage.push(
      `row ${id}: version ${version} was read after ${atLeast} had been received`,
    )
  if (version >= Number(acknowledged ?? 0)) return
  // When the first version after the one that was read had been acknowledged.
  const since = (await source.eval(
    `for version = tonumber(ARGV[1]) + 1, tonumber(ARGV[2]) do
      local time = redis.call('HGET', 'times:' .. KEYS[1], version)
      if time then
        return time
      end
    end`,
    1,
    String(id),
    version,
    Number(acknowledged),
  )) as string | null
  if (since !== null)
    results.oldest = Math.max(
      results.oldest,
      Number(time[0]) * 1_000 + Math.floor(Number(time[1]) / 1_000) - Number(since),
    )
}

function connect(nodes: readonly Address[]): Driver {
  const [{ host, port }] = nodes as [Address]
  const quiet = <T extends { on(event: 'error', listener: () => void): unknown }>(raw: T): T => {
    raw.on('error', () => undefined)
    return raw
  }
  if (child.index % 2 === 0)
    return ioredisDriver(
      quiet(
        topology === 'cluster'
          ? new Cluster([...nodes])
          : new Redis({ host, port, retryStrategy: () => 50 }),
      ),
    )
  return nodeRedisDriver(
    quiet(
      topology === 'cluster'
        ? createCluster({ rootNodes: nodes.map((socket) => ({ socket })) })
        : createClient({ socket: { host, port, reconnectStrategy: 50 } }),
    ),
  )
}
