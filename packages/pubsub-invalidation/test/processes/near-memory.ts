import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'

// Measures the heap that entries of a near cache take, and requests that wait for Redis.

export interface Measured {
  readonly type: 'measured'
  /** Bytes of heap for each entry, with its key and its value. */
  readonly entry: number
  /** Bytes of heap for each read that waits for Redis. */
  readonly inFlight: number
  /** The same for a client without a near cache. */
  readonly inFlightWithoutNear: number
}

const ENTRIES = 20_000
const REQUESTS = 5_000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

async function heap(): Promise<number> {
  await sleep(50)
  for (let i = 0; i < 3; i++) collectGarbage()
  return process.memoryUsage().heapUsed
}

const child = childProcess<{ readonly url: string }>()
const redis = new Redis(child.data.url)
const client = createCacheClient(ioredisDriver(redis))
const bus = createInvalidationBus({ client })
await bus.ready()
const near = withNearCache(client, { bus, maxEntries: 100_000, ttl: '1h' })
const products = createAside<object>({ client: near, prefix: 'product', ttl: '1h' })

const withoutNear = createAside<object>({ client, prefix: 'product', ttl: '1h' })

/** Reads products whose JSON has about 78 bytes. */
const read = (from: number, count: number, cache = products): Promise<unknown> =>
  Promise.all(
    Array.from({ length: count }, (_, i) =>
      cache.getOrLoad(`c16:key:${from + i}`, () => ({
        id: `c16:key:${from + i}`,
        name: `Product ${from + i}`,
        price: i * 1.5,
        stock: 1_234,
      })),
    ),
  )

async function fill(): Promise<void> {
  for (let from = 0; from < ENTRIES; from += 500) await read(from, 500)
}

await fill() // compiles the code, and stores the entries
near.near.clear()
const empty = await heap()
await fill()
const full = await heap()
near.near.clear()

async function heapInFlight(cache: typeof products): Promise<number> {
  await read(0, REQUESTS, cache) // compiles the code
  near.near.clear()
  const idle = await heap()
  const reading = read(0, REQUESTS, cache)
  collectGarbage()
  const busy = process.memoryUsage().heapUsed
  await reading
  return (busy - idle) / REQUESTS
}

await child.say({
  type: 'measured',
  entry: (full - empty) / ENTRIES,
  inFlight: await heapInFlight(products),
  inFlightWithoutNear: await heapInFlight(withoutNear),
} satisfies Measured)
await client.close()
redis.disconnect()
