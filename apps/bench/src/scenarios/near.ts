import { setTimeout as sleep } from 'node:timers/promises'
import { spawnProcesses, startRedis } from '@cache/testkit'
import { Redis } from 'ioredis-6'
import { measureInRounds } from '../measure/rounds.js'
import { precise, quantile } from '../measure/statistics.js'
import { nearContenders } from '../near/contenders.js'
import { speedRow } from '../report/speed-row.js'
import { draw } from '../workload/access.js'
import { compositeIds } from '../workload/ids.js'
import { product } from '../workload/product.js'
import type { Row, Scenario } from './scenario.js'

const IDS = compositeIds(1_000)

export const nearHit: Scenario = {
  name: 'near hit',
  about:
    'A value of 1 000 in the near cache at random, 100 reads in flight; ' +
    'against an async function around a bare lru-cache.',
  async run(scale) {
    await using server = await startRedis()
    const opened = await Promise.all(
      nearContenders.map(async ({ name, open }, i) => ({
        name,
        cache: await open(`${server.url}/${i}`),
      })),
    )
    const tasks = []
    for (const { name, cache } of opened) {
      // Reads twice, because some libraries invalidate the near cache on their own writes.
      for (let i = 0; i < 2; i++) {
        for (const id of IDS) await cache.getOrLoad(id, async () => product(id))
        await sleep(100)
      }
      const id = draw(IDS)
      const load = () => Promise.reject(new Error('It is cached.'))
      tasks.push({ name, bare: 'lru-cache', run: () => cache.getOrLoad(id(), load) })
    }
    const speeds = await measureInRounds(tasks, {
      inFlight: 100,
      operations: scale === 'full' ? 50_000 : 2_000,
      rounds: scale === 'full' ? 15 : 1,
    })
    await Promise.all(opened.map(({ cache }) => cache.close()))
    const shown = 'times lru-cache'
    return { shown, better: 'more', rows: speeds.map((speed) => speedRow(speed, shown)) }
  },
}

/** The options, requests and results of `near-reader.ts`. */
export interface ReaderOptions {
  readonly contender: string
  readonly url: string
  readonly source: string
}
export interface ReaderRequest {
  readonly type: 'price'
  readonly price: number
}
/** `at` is in nanoseconds of the machine's monotonic clock. */
export interface FreshRead {
  readonly type: 'fresh'
  readonly at: bigint
}

export const invalidation: Scenario = {
  name: 'invalidation',
  about:
    'One process changes the source and invalidates, another reads continuously: the time from ' +
    'the call until it reads the new value. Libraries that do not propagate invalidations are ' +
    'left out.',
  async run(scale) {
    const rounds = scale === 'full' ? 1_000 : 5
    const rows: Row[] = []
    for (const { name, open } of nearContenders.filter(({ propagates }) => propagates)) {
      await using server = await startRedis()
      await using database = await startRedis()
      const source = new Redis(database.url)
      const data: ReaderOptions = { contender: name, url: server.url, source: database.url }
      await source.set('price', 0)
      await using readers = spawnProcesses(new URL('near-reader.ts', import.meta.url), { data })
      const [reader] = readers.processes
      await reader!.next('ready')
      const cache = await open(server.url)
      const took: number[] = []
      for (let price = 1; price <= rounds; price++) {
        reader!.send({ type: 'price', price } satisfies ReaderRequest)
        await reader!.next('reading')
        await source.set('price', price)
        const started = process.hrtime.bigint()
        await cache.invalidate(0)
        const { at } = await reader!.next<FreshRead>('fresh')
        took.push(Number(at - started) / 1e6)
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
