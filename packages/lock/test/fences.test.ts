import { spawnProcesses, startRedis } from '@cache/testkit'
import { expect, it } from 'vitest'

const ACQUISITIONS = process.env.CHAOS ? 100_000 : 6_000
const PROCESSES = 4

type Seen = readonly [name: string, fence: number, asked: number, acquired: number]

it(`fences rise over ${ACQUISITIONS} acquisitions from ${PROCESSES} processes, across FLUSHALL and a restart`, async () => {
  await using server = await startRedis()
  const names = Array.from({ length: 10 }, (_, i) => `name ${i}`)
  await using group = spawnProcesses(new URL('./processes/counter.js', import.meta.url), {
    count: PROCESSES,
    data: {
      url: server.url,
      clients: ['ioredis', 'node-redis'],
      rounds: ACQUISITIONS / PROCESSES,
      names,
    },
  })
  await group.all('ready')
  group.send('go')
  const seen: Seen[] = []
  const disturbances = [() => server.flush(), () => server.restart(), () => server.flush()]
  await Promise.all(
    group.processes.map(async (process) => {
      for (;;) {
        const { seen: some, done = false } = await process.next<{ seen: Seen[]; done?: boolean }>(
          'fences',
          { timeout: 300_000 },
        )
        seen.push(...some)
        const due = (ACQUISITIONS / 4) * (4 - disturbances.length)
        if (seen.length >= due) await disturbances.shift()?.()
        if (done) return
      }
    }),
  )
  expect(disturbances).toHaveLength(0)
  expect(seen).toHaveLength(ACQUISITIONS)
  for (const name of names) expect(outOfOrder(seen.filter(([of]) => of === name))).toEqual([])
}, 600_000)

/** Whoever asked after another had it must have a higher fence; and no two have the same. */
function outOfOrder(seen: readonly Seen[]): string[] {
  const wrong: string[] = []
  const fences = new Set<number>()
  const byAcquired = [...seen].sort((a, b) => a[3] - b[3])
  let highest = -Infinity
  let next = 0
  for (const [, fence, asked] of [...seen].sort((a, b) => a[2] - b[2])) {
    while (next < byAcquired.length && byAcquired[next]![3] < asked)
      highest = Math.max(highest, byAcquired[next++]![1])
    if (fence <= highest) wrong.push(`${fence} after ${highest}`)
    if (fences.has(fence)) wrong.push(`${fence} twice`)
    fences.add(fence)
  }
  return wrong
}
