import { eventually, spawnProcesses, startRedis } from '@cache/testkit'
import { Redis } from 'ioredis-6'
import { median } from '../measure/statistics.js'
import { oursOnIoredis } from '../queues/write-behind.js'
import { randomNumbers } from '../workload/access.js'
import { compositeId } from '../workload/ids.js'
import { product } from '../workload/product.js'
import type { Scenario } from './scenario.js'

const ANSWERS_AFTER_MS = 20

/** The options of `repeated-writes-worker.ts`. */
export interface WorkerOptions {
  /** The queue. */
  readonly url: string
  readonly database: string
  readonly answersAfterMs: number
}

export const repeatedWrites: Scenario = {
  name: 'repeated writes',
  about:
    '20 000 queued writes, a worker that is killed while it writes them to a database that ' +
    `answers after ${ANSWERS_AFTER_MS} ms, and another one: how many are written twice.`,
  async run(scale) {
    const [writes, trials] = scale === 'full' ? [20_000, 5] : [2_000, 1]
    const random = randomNumbers(7)
    const repeated: number[] = []
    for (let trial = 0; trial < trials; trial++)
      repeated.push(await trialOf(writes, Math.floor(writes * (0.1 + 0.6 * random()))))
    const rows = [
      {
        name: oursOnIoredis.name,
        writes,
        trials,
        'repeated, median': median(repeated),
        'repeated, most': Math.max(...repeated),
      },
    ]
    return { shown: 'repeated, most', better: 'less', rows }
  },
}

/** Kills the first worker after `killAfter` writes, and returns how many writes were repeated. */
async function trialOf(writes: number, killAfter: number): Promise<number> {
  await using server = await startRedis()
  await using database = await startRedis()
  const rows = new Redis(database.url)
  const queue = await oursOnIoredis.open(server.url)
  for (let id = 0; id < writes; id += 500)
    await queue.enqueueMany(Array.from({ length: 500 }, (_, i) => product(compositeId(id + i))))
  const data: WorkerOptions = {
    url: server.url,
    database: database.url,
    answersAfterMs: ANSWERS_AFTER_MS,
  }
  const file = new URL('repeated-writes-worker.ts', import.meta.url)
  {
    await using first = spawnProcesses(file, { data })
    await eventually(async () => (await rows.llen('writes')) >= killAfter, { every: 1 })
    await first.processes[0]!.kill()
  }
  await using _second = spawnProcesses(file, { data })
  await eventually(async () => (await rows.scard('ids')) === writes, { within: 60_000 })
  await eventually(
    isStable(() => rows.llen('writes')),
    { every: 10 * ANSWERS_AFTER_MS },
  )
  const written = await rows.llen('writes')
  await queue.close()
  rows.disconnect()
  return written - writes
}

/** Returns a check whether a number is the same as at the check before. */
function isStable(read: () => Promise<number>): () => Promise<boolean> {
  let last: number | undefined
  return async () => {
    const before = last
    last = await read()
    return last === before
  }
}
