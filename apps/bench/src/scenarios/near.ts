import { setTimeout as sleep } from 'node:timers/promises'
import { spawnProcesses, startRedis } from '@cache/testkit'
import { Redis } from 'ioredis-6'
import { product } from '../caches/cache.js'
import { inRounds } from '../measure/rounds.js'
import { precise, quantile } from '../measure/statistics.js'
import { nearContenders } from '../near/contenders.js'
import type { Row, Scenario } from './scenario.js'

const PRODUCTS = 1_000

export const nearHit: Scenario = {
  name: 'near hit',
  about:
    'A value that is kept in the process, each read after the one before; against an async function around a bare lru-cache.',
  async run(scale) {
    await using server = await startRedis()
    const opened = await Promise.all(
      nearContenders.map(async ({ name, open }, i) => ({
        name,
        cache: await open(`${server.url}/${i}`),
      })),
    )
    const works = []
    for (const { name, cache } of opened) {
      // Twice: what is told of its own writes reads again.
      for (let i = 0; i < 2; i++) {
        for (let id = 0; id < PRODUCTS; id++) await cache.getOrLoad(id, async () => product(id))
        await sleep(100)
      }
      let next = 0
      works.push({
        name,
        bare: 'lru-cache',
        run: () =>
          cache.getOrLoad(next++ % PRODUCTS, () => Promise.reject(new Error('it is cached'))),
      })
    }
    const speeds = await inRounds(works, {
      inFlight: 1,
      operations: scale === 'full' ? 50_000 : 2_000,
      rounds: scale === 'full' ? 15 : 1,
    })
    await Promise.all(opened.map(({ cache }) => cache.close()))
    const rows = speeds.map(({ name, microseconds, cpu, ratio }) => ({
      name,
      'µs each': precise(microseconds),
      'CPU µs each': precise(cpu),
      'times lru-cache': precise(ratio),
    }))
    return { shown: 'times lru-cache', better: 'more', rows }
  },
}

/** What `near-reader.ts` is given, told and says. */
export interface Given {
  readonly contender: string
  readonly url: string
  readonly source: string
}
export interface Told {
  readonly type: 'price'
  readonly price: number
}
/** Nanoseconds of the machine's monotonic clock. */
export interface Fresh {
  readonly type: 'fresh'
  readonly at: bigint
}

export const invalidation: Scenario = {
  name: 'invalidation',
  about:
    'One process changes the source and invalidates, another reads without a pause: how long from the call until it gets the new value. Libraries whose other processes are not told are left out.',
  async run(scale) {
    const rounds = scale === 'full' ? 1_000 : 5
    const rows: Row[] = []
    for (const { name, open } of nearContenders.filter(({ tells }) => tells)) {
      await using server = await startRedis()
      await using database = await startRedis()
      const source = new Redis(database.url)
      const data: Given = { contender: name, url: server.url, source: database.url }
      await source.set('price', 0)
      await using readers = spawnProcesses(new URL('near-reader.ts', import.meta.url), { data })
      const [reader] = readers.processes
      await reader!.next('ready')
      const cache = await open(server.url)
      const took: number[] = []
      for (let price = 1; price <= rounds; price++) {
        reader!.send({ type: 'price', price } satisfies Told)
        await reader!.next('reading')
        await source.set('price', price)
        const began = process.hrtime.bigint()
        await cache.invalidate(0)
        const { at } = await reader!.next<Fresh>('fresh')
        took.push(Number(at - began) / 1e6)
      }
      await cache.close()
      source.disconnect()
      rows.push({
        name,
        'p50, ms': precise(quantile(took, 0.5)),
        'p99, ms': precise(quantile(took, 0.99)),
        'longest, ms': precise(Math.max(...took)),
      })
    }
    return { shown: 'p99, ms', better: 'less', rows }
  },
}
