import { spawnProcesses, startRedis } from '@cache/testkit'
import { expect, it } from 'vitest'

const ACQUISITIONS = process.env.CHAOS ? 100_000 : 6_000
const PROCESSES = 4

/** One acquisition. The times are in µs. */
type Acquisition = readonly [name: string, fence: number, startedAt: number, acquiredAt: number]

const title = `fences rise over ${ACQUISITIONS} acquisitions in ${PROCESSES} processes`

it(`${title}, across FLUSHALL and a restart`, async () => {
  await using server = await startRedis()
  const names = Array.from({ length: 10 }, (_, i) => `name ${i}`)
  await using group = spawnProcesses(new URL('./processes/counter.js', import.meta.url), {
    count: PROCESSES,
    data: {
      url: server.url,
      clients: ['ioredis', 'node-redis'],
      acquisitions: ACQUISITIONS / PROCESSES,
      names,
    },
  })
  await group.all('ready')
  group.send('go')
  const acquisitions: Acquisition[] = []
  const disturbances = [() => server.flush(), () => server.restart(), () => server.flush()]
  await Promise.all(
    group.processes.map(async (process) => {
      for (;;) {
        const message = await process.next<{ acquisitions: Acquisition[]; done?: boolean }>(
          'acquisitions',
          { timeout: 300_000 },
        )
        acquisitions.push(...message.acquisitions)
        const due = (ACQUISITIONS / 4) * (4 - disturbances.length)
        if (acquisitions.length >= due) await disturbances.shift()?.()
        if (message.done) return
      }
    }),
  )
  expect(disturbances).toHaveLength(0)
  expect(acquisitions).toHaveLength(ACQUISITIONS)
  for (const name of names)
    expect(outOfOrder(acquisitions.filter((acquisition) => acquisition[0] === name))).toEqual([])
}, 600_000)

/**
 * Returns the violations of two rules. A request that began after another holder had the lock gets
 * a higher fence. No two holders get the same fence.
 */
function outOfOrder(acquisitions: readonly Acquisition[]): string[] {
  const violations: string[] = []
  const fences = new Set<number>()
  const byAcquired = [...acquisitions].sort((a, b) => a[3] - b[3])
  let highest = -Infinity
  let next = 0
  for (const [, fence, startedAt] of [...acquisitions].sort((a, b) => a[2] - b[2])) {
    while (next < byAcquired.length && byAcquired[next]![3] < startedAt)
      highest = Math.max(highest, byAcquired[next++]![1])
    if (fence <= highest) violations.push(`${fence} after ${highest}`)
    if (fences.has(fence)) violations.push(`${fence} twice`)
    fences.add(fence)
  }
  return violations
}
