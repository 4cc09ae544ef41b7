import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis, type RedisServer } from '@cache/testkit'
import { libraries } from '../caches/all.js'
import type { Contender } from '../caches/cache.js'
import { product } from '../workload/product.js'
import { median } from '../measure/statistics.js'
import type { Row, Scenario } from './scenario.js'

const LOADER_MS = 5
const TIMEOUT_MS = 10_000

export const outage: Scenario = {
  name: 'outage',
  about:
    `Redis down (connections refused), and Redis silent (SIGSTOP), with a loader of ${LOADER_MS} ` +
    'ms: the time until a read is answered, the first one and the median of 10; ' +
    `each read is waited for at most ${TIMEOUT_MS / 1_000} s.`,
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
  injectFault: (server: RedisServer) => Promise<void>,
): Promise<{ first: number | string; median: number | string }> {
  await using server = await startRedis()
  const cache = await open(server.url)
  for (let id = 0; id < 20; id++) await cache.getOrLoad(id, async () => product(id))
  await injectFault(server)
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
        sleep(TIMEOUT_MS, Infinity, { signal: late.signal }).catch(() => Infinity),
      ]),
    )
    late.abort()
    if (took.filter((ms) => ms === Infinity).length >= 2) break // The others would time out too.
  }
  void cache.close().catch(() => undefined)
  return { first: format(took[0]!), median: format(median(took)) }
}

function format(ms: number): number | string {
  return ms === Infinity ? 'none' : Math.round(ms)
}
