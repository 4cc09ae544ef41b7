import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError, createCacheClient, type CacheClient, type Driver } from '@cache/core'
import {
  LoadPolicy,
  ReadPath,
  readOptions,
  loadPolicyOptions,
  writeSource,
} from '@cache/core/internal'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { shardedDriver } from '@cache/sharding'
import { driverOf, type Name } from '../drivers.js'

// One of several processes that read and change rows at random, cached on shards. The rows are in a
// separate Redis, which stands for the database. It counts the versions of each row and stores
// which version was acknowledged.

export interface Start {
  readonly urls: Readonly<Record<Name, string>>
  readonly source: string
  readonly ids: number
  readonly announceFor: number
}

export type Order =
  | { readonly do: 'work' }
  /** `uncoordinated`: the process changes at once, without the others. */
  | { readonly do: 'change'; readonly to: readonly Name[]; readonly uncoordinated?: boolean }
  | { readonly do: 'report' }

export interface Window {
  reads: number
  hits: number
  writes: number
  /** Writes that got an error. */
  failed: number
  slowest: number
}

export interface Report {
  readonly type: 'report'
  /** What happened in each tenth of a second. */
  readonly windows: readonly (readonly [number, Window])[]
  readonly stale: readonly string[]
  readonly errors: readonly string[]
}

const child = childProcess<Start>()
const { urls, source: url, ids, announceFor } = child.data
const source = new Redis(url)
const servers = new Map<Name, Driver>()
const driver = shardedDriver({
  shards: shardsOf(['a', 'b', 'c']),
  announceFor,
  timeout: '10s',
})
const windows = new Map<number, Window>()
const stale: string[] = []
const errors = new Set<string>()
let rows = rowsOf(createCacheClient(driver))

await child.say('ready')
for (;;) {
  const order = await child.next<Order>(undefined, { timeout: 2 ** 30 })
  if (order.do === 'work') {
    for (let id = child.index; id < ids; id += child.count) await rows.read(id)
    void Promise.all(Array.from({ length: 4 }, work))
    await child.say('working')
  } else if (order.do === 'change') void change(order)
  else
    await child.say({
      type: 'report',
      windows: [...windows],
      stale,
      errors: [...errors],
    } satisfies Report)
}

async function change({
  to,
  uncoordinated = false,
}: Extract<Order, { do: 'change' }>): Promise<void> {
  try {
    if (uncoordinated) rows = rowsOf(createCacheClient(shardedDriver({ shards: shardsOf(to) })))
    else await driver.reshard({ shards: shardsOf(to) })
    // the drivers of removed shards were closed
    for (const name of servers.keys()) if (!to.includes(name)) servers.delete(name)
    await child.say({ type: 'changed' })
  } catch (error) {
    await child.say({ type: 'changed', error: String(error) })
  }
}

/**
 * Reads and writes at a fixed rate, like users, and does not catch up after a delay, so that the
 * loads in different seconds can be compared.
 */
async function work(): Promise<never> {
  for (
    let next = performance.now();
    ;
    next = Math.max(next + Math.random() * 10, performance.now())
  ) {
    await sleep(Math.max(0, next - performance.now()))
    const id = Math.floor(Math.random() ** 2 * ids)
    await (Math.random() < 0.15 ? write(id) : read(id))
  }
}

async function write(id: number): Promise<void> {
  try {
    const version = await rows.write(id, Math.random() < 0.5 ? 'mutate' : 'invalidate')
    await source.eval(
      `if tonumber(redis.call('HGET', 'acknowledged', KEYS[1]) or 0) < tonumber(ARGV[1]) then
        redis.call('HSET', 'acknowledged', KEYS[1], ARGV[1])
      end`,
      1,
      String(id),
      version,
    )
    now().writes++
  } catch (error) {
    if (!(error instanceof CacheError)) throw error
    now().failed++
    errors.add(`${error.code} ${error.message}`)
  }
}

async function read(id: number): Promise<void> {
  const acknowledged = Number((await source.hget('acknowledged', String(id))) ?? 0)
  const started = performance.now()
  const version = await rows.read(id)
  const window = now()
  window.reads++
  window.slowest = Math.max(window.slowest, performance.now() - started)
  if (version < acknowledged)
    stale.push(`row ${id}: version ${version} was read after ${acknowledged} had been acknowledged`)
}

function now(): Window {
  const at = Math.floor(Date.now() / 100)
  let window = windows.get(at)
  if (!window) windows.set(at, (window = { reads: 0, hits: 0, writes: 0, failed: 0, slowest: 0 }))
  return window
}

function rowsOf(client: CacheClient) {
  const options = { ttl: '1h' } as const
  const path = new ReadPath<number>(
    client,
    'row',
    new LoadPolicy<number>(readOptions('rows', loadPolicyOptions, options)),
  )
  const next = (id: number): Promise<number> => source.hincrby('versions', String(id), 1)
  return {
    async read(id: number): Promise<number> {
      let loaded = false
      const version = await path.get(client.key('row', id), async () => {
        loaded = true
        const version = Number((await source.hget('versions', String(id))) ?? 0)
        await sleep(Math.random() * 3)
        return version
      })
      if (!loaded) now().hits++
      return Number(version)
    },
    async write(id: number, method: 'mutate' | 'invalidate'): Promise<number> {
      const key = client.key('row', id)
      if (method === 'mutate')
        return path.changing([key], () =>
          writeSource(client, { keys: [key], intentTtl: 5_000, change: () => next(id) }),
        )
      const version = await next(id)
      await path.changing([key], () => client.entries.invalidate([key]))
      return version
    },
  }
}

function shardsOf(names: readonly Name[]): Record<string, Driver> {
  return Object.fromEntries(
    names.map((name) => {
      let server = servers.get(name)
      if (!server) servers.set(name, (server = driverOf(urls[name], name)))
      return [name, server]
    }),
  )
}
