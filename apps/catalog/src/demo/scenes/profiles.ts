import { setTimeout as sleep } from 'node:timers/promises'
import { Checker, loops } from '../checker.js'
import { send } from '../http.js'
import type { Stage } from '../stage.js'
import { pick } from './choice.js'
import { rowOf, type Outcome } from './outcome.js'

interface User {
  readonly id: number
  readonly version: number
}

/**
 * Write-through: profiles are changed through both processes while both are read; one of them is
 * killed in the middle.
 */
export async function profiles(
  { accounts }: Stage,
  tell: (what: string) => void,
): Promise<Outcome> {
  tell(
    'profiles are written through both accounts processes and read from both; one process is killed in the middle of its writes',
  )
  const checker = new Checker()
  const failed = [0, 0]
  const read = (i: number) =>
    checker
      .read(
        1 + (i % 3),
        async () =>
          (await send<User>(pick(accounts.processes, i), 'GET', `/users/${1 + (i % 3)}`))!,
      )
      .catch(() => {
        failed[i % 2]!++
      })
  const write = async (i: number) => {
    const written = await send<User>(
      pick(accounts.processes, i),
      'PATCH',
      `/users/${1 + (i % 3)}`,
      { name: `Ada ${i}` },
    ).catch(() => void failed[i % 2]!++)
    if (written) checker.wrote(written)
    await sleep(Math.random() * 10)
  }
  await Promise.all([
    loops(8, 3_000, read),
    loops(4, 3_000, write),
    (async () => {
      await sleep(1_000)
      await accounts.kill(0)
      await sleep(100)
      await accounts.start(0)
    })(),
  ])
  return {
    rows: [rowOf('profiles', checker, { hits: '', loads: '' })],
    expectations: [
      {
        what: `no read of a profile was older than an acknowledged write, though a writer was killed (${checker.reads} reads)`,
        holds: checker.stale === 0 && checker.reads > 100,
      },
      {
        what: `only requests to the killed process failed (${failed[0]})`,
        holds: failed[0]! > 0 && failed[1] === 0,
      },
    ],
  }
}
