import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis, type RedisServer } from '@cache/testkit'
import { libraries } from '../caches/all.js'
import { product, type Contender } from '../caches/cache.js'
import { median } from '../measure/statistics.js'
import type { Row, Scenario } from './scenario.js'

const LOADER_MS = 5
const PATIENCE_MS = 10_000

export const outage: Scenario = {
  name: 'outage',
  about: `Redis gone (connections refused), and Redis silent (SIGSTOP), with a loader of ${LOADER_MS} ms: ms until a read is answered, the first one and the median of 10; at most ${PATIENCE_MS / 1_000} s are waited for each.`,
  async run(scale) {
    const reads = scale === 'full' ? 10 : 1
    const rows = await Promise.all(
      libraries.map(async (contender): Promise<Row> => {
        const refused = await during(contender, reads, (server) => server.kill())
        const silent = await during(contender, reads, async (server) => server.pause())
        return {
          name: contender.name,
          'refused, first': refused.first,
          'refused, median': refused.median,
          'silent, first': silent.first,
          'silent, median': silent.median,
        }
      }),
    )
    return { shown: 'silent, median', better: 'less', rows }
  },
}

async function during(
  { open }: Contender,
  reads: number,
  trouble: (server: RedisServer) => Promise<void>,
): Promise<{ first: number | string; median: number | string }> {
  await using server = await startRedis()
  const cache = await open(server.url)
  for (let id = 0; id < 20; id++) await cache.getOrLoad(id, async () => product(id))
  await trouble(server)
  const took: number[] = []
  for (let id = 0; id < reads; id++) {
    const started = performance.now()
    const load = async () => {
      await sleep(LOADER_MS)
      return product(id)
    }
    const answered = cache.getOrLoad(id, load).then(
      () => performance.now() - started,
      () => Infinity,
    )
    const late = new AbortController()
    took.push(
      await Promise.race([
        answered,
        sleep(PATIENCE_MS, Infinity, { signal: late.signal }).catch(() => Infinity),
      ]),
    )
    late.abort()
    if (took.filter((ms) => ms === Infinity).length >= 2) break // and so on
  }
  void cache.close().catch(() => undefined)
  return { first: shown(took[0]!), median: shown(median(took)) }
}

function shown(ms: number): number | string {
  return ms === Infinity ? 'none' : Math.round(ms)
}
