import { startRedis } from '@cache/testkit'
import { runConcurrently } from '../measure/rounds.js'
import { median, precise } from '../measure/statistics.js'
import { bullmq } from '../queues/bullmq.js'
import type { MeasuredQueue } from '../queues/queue.js'
import { oursOnIoredis, oursOnNodeRedis } from '../queues/write-behind.js'
import { bareStream } from '../queues/stream.js'
import { compositeId } from '../workload/ids.js'
import { product } from '../workload/product.js'
import type { Row, Scenario } from './scenario.js'

const IDS = 10_000
const BULK = 500
const phases = ['enqueue', 'bulk enqueue', 'flush'] as const
type Phase = (typeof phases)[number]

export const writeBehind: Scenario = {
  name: 'write-behind',
  about:
    `Writes put into a queue, 100 in flight and ${BULK} at once, and then flushed to a database ` +
    'that takes no time; against a bare stream on ioredis (XADD; XREADGROUP, XACK).',
  async run(scale) {
    const [writes, rounds] = scale === 'full' ? [20_000, 7] : [BULK, 1]
    await using server = await startRedis()
    const opened = await Promise.all(
      [bareStream, oursOnIoredis, oursOnNodeRedis, bullmq].map(async ({ name, open }, i) => ({
        name,
        queue: await open(`${server.url}/${i}`),
        costs: { enqueue: [], 'bulk enqueue': [], flush: [] } as Record<Phase, Cost[]>,
      })),
    )
    for (let round = -1; round < rounds; round++)
      for (const { queue, costs } of opened) {
        const measured = await costsOf(queue, writes)
        if (round >= 0) for (const phase of phases) costs[phase].push(measured[phase])
      }
    await Promise.all(opened.map(({ queue }) => queue.close()))
    const bare = opened[0]!.costs
    const rows = opened.map(({ name, costs }): Row => {
      const columns = phases.flatMap((phase) => {
        const wall = costs[phase].map((cost) => cost.wall)
        const ratios = wall.map((each, i) => bare[phase][i]!.wall / each)
        return [
          [`${phase}, µs each`, precise(median(wall))],
          [`${phase}, CPU µs each`, precise(median(costs[phase].map(({ cpu }) => cpu)))],
          [`${phase}, times the bare stream`, precise(median(ratios))],
        ] as const
      })
      return { name, ...Object.fromEntries(columns) }
    })
    return { shown: 'enqueue, times the bare stream', better: 'more', rows }
  },
}

/** Microseconds for each write. */
interface Cost {
  readonly wall: number
  readonly cpu: number
}

async function costsOf(queue: MeasuredQueue, writes: number): Promise<Record<Phase, Cost>> {
  let next = 0
  const write = () => product(compositeId(next++ % IDS))
  const enqueue = await costOf(writes, () =>
    runConcurrently({ run: () => queue.enqueue(write()) }, 100, writes),
  )
  const flush = await costOf(writes, () => queue.work(writes))
  const bulk = await costOf(writes, async () => {
    for (let i = 0; i < writes; i += BULK)
      await queue.enqueueMany(Array.from({ length: BULK }, write))
  })
  await queue.work(writes)
  return { enqueue, 'bulk enqueue': bulk, flush }
}

async function costOf(writes: number, work: () => Promise<unknown>): Promise<Cost> {
  const started = performance.now()
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return {
    wall: ((performance.now() - started) * 1_000) / writes,
    cpu: (user + system) / writes,
  }
}
