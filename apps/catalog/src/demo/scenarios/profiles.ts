import { setTimeout as sleep } from 'node:timers/promises'
import { ConsistencyChecker } from '../consistency-checker.js'
import { runLoops } from '../run-loops.js'
import { send } from '../http.js'
import type { DemoEnvironment } from '../environment.js'
import type { Log } from '../log.js'
import { roundRobin } from './selection.js'
import { resultRow, type ScenarioResult } from './scenario.js'

interface User {
  readonly id: number
  readonly version: number
}

/**
 * Tests write-through: profiles are written and read through both processes. One process is killed
 * and restarted in the meantime.
 */
export async function profiles({ accounts }: DemoEnvironment, log: Log): Promise<ScenarioResult> {
  log(
    'profiles are written and read through both accounts processes; ' +
      'one of them is killed during its writes',
  )
  const checker = new ConsistencyChecker()
  const failed = [0, 0]
  const read = (i: number) =>
    checker
      .checkRead(
        1 + (i % 3),
        async () =>
          (await send<User>(roundRobin(accounts.processes, i), 'GET', `/users/${1 + (i % 3)}`))!,
      )
      .catch(() => {
        failed[i % 2]!++
      })
  const write = async (i: number) => {
    const written = await send<User>(
      roundRobin(accounts.processes, i),
      'PATCH',
      `/users/${1 + (i % 3)}`,
      { name: `Ada ${i}` },
    ).catch(() => void failed[i % 2]!++)
    if (written) checker.recordWrite(written)
    await sleep(Math.random() * 10)
  }
  await Promise.all([
    runLoops(8, 3_000, read),
    runLoops(4, 3_000, write),
    (async () => {
      await sleep(1_000)
      await accounts.kill(0)
      await sleep(100)
      await accounts.start(0)
    })(),
  ])
  return {
    rows: [resultRow('profiles', checker, { hits: '', loads: '' })],
    checks: [
      {
        description:
          'no read of a profile was older than an acknowledged write, although a writer was ' +
          `killed (${checker.reads} reads)`,
        passed: checker.staleReads === 0 && checker.reads > 100,
      },
      {
        description: `only requests to the killed process failed (${failed[0]})`,
        passed: failed[0]! > 0 && failed[1] === 0,
      },
    ],
  }
}
