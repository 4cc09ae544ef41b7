import { spawnProcesses, startRedis } from '@cache/testkit'
import { libraries } from '../caches/all.js'
import { median, quantile } from '../measure/statistics.js'
import type { Row, Scenario } from './scenario.js'

const LOADER_MS = 200

/** The options, requests and results of `cold-key-reader.ts`. */
export interface ReaderOptions {
  readonly contender: string
  readonly url: string
  readonly loaderMs: number
}
export interface ReaderRequest {
  readonly id: number
  /** Milliseconds since the epoch. */
  readonly at: number
}
export interface ReaderResult {
  readonly loads: number
  readonly latencies: readonly number[]
}

export const coldKey: Scenario = {
  name: 'cold key',
  about:
    `A key that is not cached, a loader of ${LOADER_MS} ms, 4 processes × 250 callers at once: ` +
    'how often it is loaded, and how long callers wait beyond the loader.',
  async run(scale) {
    const rounds = scale === 'full' ? 10 : 1
    const rows: Row[] = []
    for (const { name } of libraries) {
      await using server = await startRedis()
      const data: ReaderOptions = { contender: name, url: server.url, loaderMs: LOADER_MS }
      await using readers = spawnProcesses(new URL('cold-key-reader.ts', import.meta.url), {
        count: 4,
        data,
      })
      await readers.all('ready')
      const loads: number[] = []
      const beyond: number[] = []
      for (let id = 0; id < rounds; id++) {
        readers.send({ id, at: Date.now() + 100 } satisfies ReaderRequest)
        const results = await readers.all<ReaderResult>()
        loads.push(results.reduce((sum, result) => sum + result.loads, 0))
        beyond.push(
          quantile(
            results.flatMap(({ latencies }) => latencies),
            0.99,
          ) - LOADER_MS,
        )
      }
      rows.push({
        name,
        loads: median(loads),
        'most loads': Math.max(...loads),
        'p99 beyond the loader, ms': Math.round(median(beyond)),
      })
    }
    return { shown: 'loads', better: 'less', rows }
  },
}
