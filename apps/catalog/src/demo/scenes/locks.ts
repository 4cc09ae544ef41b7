import { spawnProcesses } from '@cache/testkit'
import type { Held, Start } from '../programs/contender.js'
import type { Stage } from '../stage.js'
import type { Outcome } from './outcome.js'

const TURNS = 10

/**
 * 20 contenders in two processes want one lock; before them a process takes it, hangs, and is
 * killed.
 */
export async function locks({ redis }: Stage, tell: (what: string) => void): Promise<Outcome> {
  tell(
    'a process takes a lock of 2 s and hangs; 20 contenders in two processes queue for it; the holder is killed',
  )
  const program = new URL('../programs/contender.ts', import.meta.url)
  const shared = { url: redis.url, contenders: 10, turns: TURNS }
  await using one = spawnProcesses(program, {
    data: { ...shared, client: 'ioredis', hangs: false } satisfies Start,
  })
  await using other = spawnProcesses(program, {
    data: { ...shared, client: 'node-redis', hangs: false } satisfies Start,
  })
  await Promise.all([one.all('ready'), other.all('ready')])
  await using hanging = spawnProcesses(program, {
    data: { ...shared, client: 'ioredis', hangs: true } satisfies Start,
  })
  await hanging.all('holding', { timeout: 30_000 })
  await hanging.stop()
  const killed = performance.timeOrigin + performance.now()
  const held: Held[] = []
  await Promise.all(
    [one, other].map(async (group) => {
      group.send('go')
      for (let i = 0; i < shared.contenders * TURNS; i++)
        held.push(await group.processes[0]!.next<Held>('held', { timeout: 60_000 }))
    }),
  )
  held.sort((a, b) => a.from - b.from)
  const overlaps = held.filter(({ from }, i) => i > 0 && from < held[i - 1]!.until).length
  const fencesGrow = held.every(({ fence }, i) => i === 0 || fence > held[i - 1]!.fence)
  const after = held[0]!.from - killed
  const longest = Math.max(...held.slice(20).map(({ waited }) => waited))
  return {
    rows: [],
    expectations: [
      {
        what: `a lock whose holder was killed is another's within its ttl (${after.toFixed(0)} ms)`,
        holds: after < 3_000,
      },
      {
        what: `20 contenders in two processes held it one at a time, ${held.length} times, with growing fences`,
        holds: held.length === 20 * TURNS && overlaps === 0 && fencesGrow,
      },
      {
        what: `they were served in order: the longest wait was ${longest.toFixed(0)} ms`,
        holds: longest < 5_000,
      },
    ],
  }
}
