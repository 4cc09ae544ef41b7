import { setTimeout as sleep } from 'node:timers/promises'
import { createAside } from '@cache/aside'
import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { childProcess, eventually } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'

// One of several processes that read a few rows through near caches and invalidate them at random.
// The rows are versions in a Redis of their own, which stands for the database and remembers when
// each version's invalidation was acknowledged.

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Start {
  readonly topology: 'standalone' | 'cluster'
  readonly redis: readonly Address[]
  /** Where each process listens: a proxy of its own. */
  readonly listenAt: readonly (readonly Address[])[]
  readonly source: string
  readonly ids: number
  readonly heartbeat: number
  readonly onGap: 'empty' | 'replay'
}

export interface Said {
  readonly type: 'so far'
  readonly reads: number
  readonly hits: number
  readonly writes: number
  readonly gaps: number
  /** Rows of which a message was heard. */
  readonly heard: number
  /** Read by the process that invalidated it. */
  readonly ownStale: readonly string[]
  /** Read after the message that it is invalid had been heard. */
  readonly heardStale: readonly string[]
  /** Ms since its invalidation was acknowledged, at most, of what was read all the same. */
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
// Of one table each slot has its part, so that one message can name a row, and another key that
// says its version.
const tables = Array.from({ length: 16 }, (_, tag) =>
  createAside<number, number | string>({ client: near, prefix: `row{${tag}}`, ttl: '1h' }),
)
const rowsOf = (id: number) => tables[id % tables.length]!
const load = async (id: number): Promise<number> =>
  Number((await source.hget('versions', String(id))) ?? 0)
const get = (id: number): Promise<number> => rowsOf(id).getOrLoad(id, () => load(id))
const seen = {
  reads: 0,
  writes: 0,
  ownStale: [] as string[],
  heardStale: [] as string[],
  oldest: 0,
}
/** What each row's version is at least, by the messages heard. */
const heard = new Map<number, number>()
bus.on('invalidate', ({ keys }) => {
  for (const key of keys) {
    const [, id, version] = /:(\d+)@(\d+)$/.exec(key) ?? []
    if (id !== undefined)
      heard.set(Number(id), Math.max(heard.get(Number(id)) ?? 0, Number(version)))
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
  if (value !== version) wrong.push(`row ${id}: version ${value}, and it is ${version}`)
}
// One heartbeat that came late is no reason to doubt it.
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
        type: 'so far',
        ...seen,
        hits: near.near.stats().hits,
        gaps: bus.stats().gaps,
        heard: heard.size,
      } satisfies Said)
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
    "local t = redis.call('TIME') redis.call('HSET', 'times:' .. KEYS[1], ARGV[1], t[1] * 1000 + math.floor(t[2] / 1000)) " +
      "if tonumber(redis.call('HGET', 'acknowledged', KEYS[1]) or 0) < tonumber(ARGV[1]) then redis.call('HSET', 'acknowledged', KEYS[1], ARGV[1]) end",
    1,
    String(id),
    version,
  )
  seen.writes++
  const now = await get(id)
  if (now < version)
    seen.ownStale.push(
      `row ${id}: version ${now} was read after ${version} had been invalidated here`,
    )
}

async function read(id: number): Promise<void> {
  const [acknowledged, time] = await Promise.all([
    source.hget('acknowledged', String(id)),
    source.time(),
  ])
  const atLeast = heard.get(id) ?? 0
  const version = await get(id)
  seen.reads++
  if (version < atLeast)
    seen.heardStale.push(
      `row ${id}: version ${version} was read after ${atLeast} had been heard of`,
    )
  if (version >= Number(acknowledged ?? 0)) return
  // The first acknowledged version that it should have been, and how long ago that was when the
  // read began.
  const since = (await source.eval(
    "for v = tonumber(ARGV[1]) + 1, tonumber(ARGV[2]) do local t = redis.call('HGET', 'times:' .. KEYS[1], v) if t then return t end end",
    1,
    String(id),
    version,
    Number(acknowledged),
  )) as string | null
  if (since !== null)
    seen.oldest = Math.max(
      seen.oldest,
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
