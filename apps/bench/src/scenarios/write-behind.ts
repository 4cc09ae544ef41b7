import { startRedis } from '@cache/testkit'
import { product } from '../caches/cache.js'
import { runConcurrently } from '../measure/rounds.js'
import { median, precise } from '../measure/statistics.js'
import { bullmq } from '../queues/bullmq.js'
import { oursOnIoredis, oursOnNodeRedis } from '../queues/write-behind.js'
import { bareStream } from '../queues/stream.js'
import type { Scenario } from './scenario.js'

const IDS = 1_000

export const writeBehind: Scenario = {
  name: 'write-behind',
  about:
    'Writes put into a queue, 100 in flight, and then flushed to a database that takes no time; ' +
    'against a bare stream on ioredis (XADD; XREADGROUP, XACK).',
  async run(scale) {
    const [writes, rounds] = scale === 'full' ? [40_000, 5] : [200, 1]
    await using server = await startRedis()
    const opened = await Promise.all(
      [bareStream, oursOnIoredis, oursOnNodeRedis, bullmq].map(async ({ name, open }, i) => ({
        name,
        queue: await open(`${server.url}/${i}`),
        enqueued: [] as number[],
        flushed: [] as number[],
      })),
    )
    for (let round = -1; round < rounds; round++) {
      for (const { queue, enqueued, flushed } of opened) {
        let next = 0
        const enqueuing = await timed(() =>
          runConcurrently({ run: () => queue.enqueue(product(next++ % IDS)) }, 100, writes),
        )
        const flushing = await timed(() => queue.work(writes))
        if (round < 0) continue
        enqueued.push(enqueuing / writes)
        flushed.push(flushing / writes)
      }
    }
    await Promise.all(opened.map(({ queue }) => queue.close()))
    const bare = opened[0]!
    const rows = opened.map(({ name, enqueued, flushed }) => ({
      name,
      'enqueue, µs each': precise(median(enqueued)),
      'enqueued, times the bare stream': precise(
        median(enqueued.map((each, i) => bare.enqueued[i]! / each)),
      ),
      'flush, µs each': precise(median(flushed)),
      'flushed, times the bare stream': precise(
        median(flushed.map((each, i) => bare.flushed[i]! / each)),
      ),
    }))
    return { shown: 'enqueued, times the bare stream', better: 'more', rows }
  },
}

/** Returns how long `work` takes, in microseconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) * 1_000
}
