import { startRedisCluster } from '@cache/testkit'
import { clusterContenders } from '../caches/cluster.js'
import { measureInRounds, shortened } from '../measure/rounds.js'
import { ServerMeter } from '../measure/server-meter.js'
import { speedRow } from '../report/speed-row.js'
import type { Scenario } from './scenario.js'
import { reading, seed } from './speed.js'

export const clusterHit: Scenario = {
  name: 'hit on a Cluster',
  about:
    'A cached value of 1 000 at random on a Cluster of 3, 100 reads in flight; ' +
    'against the bare Cluster client.',
  async run(scale) {
    await using cluster = await startRedisCluster({ primaries: 3 })
    await using meter = new ServerMeter(cluster.primaries)
    const tasks = []
    const caches = []
    for (const { name, bare, open } of clusterContenders) {
      const cache = await open(cluster.addresses)
      await seed({ name }, cache)
      caches.push(cache)
      tasks.push({ name, bare, run: reading(cache) })
    }
    const profile = { inFlight: 100, operations: 10_000, rounds: 11 }
    const speeds = await measureInRounds(
      tasks,
      scale === 'full' ? profile : shortened(profile),
      meter,
    )
    for (const cache of caches) await cache.close()
    const shown = 'times the bare client'
    return { shown, better: 'more', rows: speeds.map((speed) => speedRow(speed, shown)) }
  },
}
