import { spawnProcesses } from '@cache/testkit'
import type { ContenderOptions, LockHeld } from '../programs/lock-contender.js'
import type { DemoEnvironment } from '../environment.js'
import type { Log } from '../log.js'
import type { ScenarioResult } from './scenario.js'

const ACQUISITIONS = 10

/**
 * 20 contenders in two processes compete for one lock. Before that, another process acquires it,
 * hangs, and is killed.
 */
export async function locks({ redis }: DemoEnvironment, log: Log): Promise<ScenarioResult> {
  log(
    'a process acquires a lock with a ttl of 2 s, hangs and is killed; ' +
      '20 contenders in two processes wait for the lock',
  )
  const program = new URL('../programs/lock-contender.ts', import.meta.url)
  const shared = { url: redis.url, contenders: 10, acquisitions: ACQUISITIONS }
  await using ioredis = spawnProcesses(program, {
    data: { ...shared, client: 'ioredis', hangs: false } satisfies ContenderOptions,
  })
  await using nodeRedis = spawnProcesses(program, {
    data: { ...shared, client: 'node-redis', hangs: false } satisfies ContenderOptions,
  })
  await Promise.all([ioredis.all('ready'), nodeRedis.all('ready')])
  await using hanging = spawnProcesses(program, {
    data: { ...shared, client: 'ioredis', hangs: true } satisfies ContenderOptions,
  })
  await hanging.all('holding', { timeout: 30_000 })
  await hanging.stop()
  const killedAt = performance.timeOrigin + performance.now()
  const held: LockHeld[] = []
  await Promise.all(
    [ioredis, nodeRedis].map(async (group) => {
      group.send('go')
      for (let i = 0; i < shared.contenders * ACQUISITIONS; i++)
        held.push(await group.processes[0]!.next<LockHeld>('held', { timeout: 60_000 }))
    }),
  )
  held.sort((a, b) => a.from - b.from)
  const overlaps = held.filter(({ from }, i) => i > 0 && from < held[i - 1]!.until).length
  const fencesGrow = held.every(({ fence }, i) => i === 0 || fence > held[i - 1]!.fence)
  const recovery = held[0]!.from - killedAt
  const longestWait = Math.max(...held.slice(20).map(({ waited }) => waited))
  return {
    rows: [],
    checks: [
      {
        description:
          'after its holder was killed, the lock was acquired again within its ttl ' +
          `(${recovery.toFixed(0)} ms)`,
        passed: recovery < 3_000,
      },
      {
        description:
          '20 contenders in two processes held the lock one at a time, with increasing fences ' +
          `(${held.length} times)`,
        passed: held.length === 20 * ACQUISITIONS && overlaps === 0 && fencesGrow,
      },
      {
        description: `contenders were served in order (longest wait ${longestWait.toFixed(0)} ms)`,
        passed: longestWait < 5_000,
      },
    ],
  }
}
