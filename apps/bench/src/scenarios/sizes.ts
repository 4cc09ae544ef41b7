import { startRedis, startRedisCluster } from '@cache/testkit'
import { oursOnIoredis, oursOnNodeRedis } from '../caches/aside.js'
import { bareIoredis, bareNodeRedis } from '../caches/bare.js'
import type { MeasuredCache } from '../caches/cache.js'
import { clusterContenders } from '../caches/cluster.js'
import { measureInRounds, shortened, type Task } from '../measure/rounds.js'
import { ServerMeter } from '../measure/server-meter.js'
import { speedRow } from '../report/speed-row.js'
import { draw, type Access } from '../workload/access.js'
import { fallback } from '../workload/fallback.js'
import { compositeIds } from '../workload/ids.js'
import { productOf } from '../workload/product.js'
import type { Row, Scale, Scenario } from './scenario.js'
import { seed } from './speed.js'

const KIB = 1_024
/** The sizes of values. Fewer values of the large ones are stored, so that the memory suffices. */
const SIZES = [
  { size: '100 B', bytes: 100, ids: 10_000, operations: 10_000 },
  { size: '1 KiB', bytes: KIB, ids: 10_000, operations: 10_000 },
  { size: '10 KiB', bytes: 10 * KIB, ids: 1_000, operations: 2_000 },
  { size: '100 KiB', bytes: 100 * KIB, ids: 100, operations: 300 },
]
const ACCESSES: readonly Access[] = ['uniform', 'hot']
const SHOWN = 'times the bare client'

export const sizes: Scenario = {
  name: 'sizes',
  about:
    'Cached values of 100 B to 100 KiB on one server, 100 reads in flight, of all ids equally ' +
    'often (uniform) or most often of a few (hot: Zipf, 0.99).',
  async run(scale) {
    await using server = await startRedis()
    const open = [bareIoredis, bareNodeRedis, oursOnIoredis, oursOnNodeRedis].map(
      ({ name, bare, open }, i) => ({ name, bare, open: () => open(`${server.url}/${i}`) }),
    )
    return { shown: SHOWN, better: 'more', rows: await measure(scale, [server], open) }
  },
}

export const clusterSizes: Scenario = {
  name: 'sizes on a Cluster',
  about: 'The same on a Cluster of 3, against the bare Cluster clients.',
  async run(scale) {
    await using cluster = await startRedisCluster({ primaries: 3 })
    const open = clusterContenders.map(({ name, bare, open }) => ({
      name,
      bare,
      open: () => open(cluster.addresses),
    }))
    return { shown: SHOWN, better: 'more', rows: await measure(scale, cluster.primaries, open) }
  },
}

interface Opening {
  readonly name: string
  readonly bare: string
  open(): Promise<MeasuredCache>
}

async function measure(
  scale: Scale,
  servers: readonly { readonly url: string; flush(): Promise<unknown> }[],
  openings: readonly Opening[],
): Promise<readonly Row[]> {
  await using meter = new ServerMeter(servers)
  const rows: Row[] = []
  for (const { size, bytes, ids: count, operations } of SIZES) {
    const ids = compositeIds(scale === 'full' ? count : 100)
    await Promise.all(servers.map((server) => server.flush()))
    const opened: { readonly name: string; readonly bare: string; cache: MeasuredCache }[] = []
    for (const { name, bare, open } of openings) {
      const cache = await open()
      await seed({ name }, cache, ids, (id) => productOf(id, bytes))
      opened.push({ name, bare, cache })
    }
    for (const access of ACCESSES) {
      const tasks = opened.map(({ name, bare, cache }): Task => {
        const id = draw(ids, access)
        return { name, bare, run: () => cache.getOrLoad(id(), fallback) }
      })
      const profile = { inFlight: 100, operations, rounds: 7 }
      const speeds = await measureInRounds(
        tasks,
        scale === 'full' ? profile : shortened(profile),
        meter,
      )
      for (const speed of speeds)
        rows.push({ ...speedRow(speed, SHOWN), name: `${speed.name}: ${size}, ${access}` })
    }
    await Promise.all(opened.map(({ cache }) => cache.close()))
  }
  return rows
}
