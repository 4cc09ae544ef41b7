import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '@cache/testkit'
import { lockContenders } from '../locks/contenders.js'
import type { LockContender } from '../locks/lock.js'
import { difference, ServerMeter } from '../measure/server-meter.js'
import { median, precise } from '../measure/statistics.js'
import type { Row, Scenario } from './scenario.js'

const WAITERS = 50
const HOLD_MS = 2

export const lockQueue: Scenario = {
  name: 'lock queue',
  about:
    `${WAITERS} waiters, each with its own connection, take turns at a lock that each holds for ` +
    `${HOLD_MS} ms: the share of the time in which it is held, which is the share of the ` +
    'possible hand-overs, the commands for each, and the longest wait.',
  async run(scale) {
    const [rounds, ms] = scale === 'full' ? [3, 2_500] : [1, 50]
    const measured = new Map<string, Turns[]>()
    for (let round = 0; round < rounds; round++)
      for (const contender of lockContenders) {
        const turns = await takeTurns(contender, ms)
        measured.set(contender.name, [...(measured.get(contender.name) ?? []), turns])
      }
    const rows = [...measured].map(([name, all]): Row => {
      const of = (value: (turns: Turns) => number) => median(all.map(value))
      return {
        name,
        'of the possible hand-overs': precise(of(({ held, elapsed }) => held / elapsed)),
        'hand-overs per second': precise(of(({ count, elapsed }) => (count / elapsed) * 1_000)),
        'commands each': precise(of(({ commands, count }) => commands / count)),
        'server µs each': precise(of(({ server, count }) => server / count)),
        'CPU µs each': precise(of(({ cpu, count }) => cpu / count)),
        'longest wait, ms': Math.round(Math.max(...all.map(({ longest }) => longest))),
      }
    })
    return { shown: 'of the possible hand-overs', better: 'more', rows }
  },
}

/** Times in milliseconds, CPU times in microseconds. */
interface Turns {
  readonly count: number
  /** The time in which the lock was held. */
  readonly held: number
  readonly elapsed: number
  /** The longest wait, including those that did not get the lock before the end. */
  readonly longest: number
  readonly commands: number
  readonly server: number
  readonly cpu: number
}

async function takeTurns({ open }: LockContender, ms: number): Promise<Turns> {
  await using server = await startRedis()
  await using meter = new ServerMeter([server])
  const waiters = await Promise.all(Array.from({ length: WAITERS }, () => open(server.url)))
  // Connects, and loads scripts.
  for (const locks of waiters) await locks.hold('another', async () => undefined)
  let [count, held, longest] = [0, 0, 0]
  const before = await meter.sample()
  const cpu = process.cpuUsage()
  const started = performance.now()
  const until = started + ms
  let elapsed = 0
  await Promise.all(
    waiters.map(async (locks) => {
      while (performance.now() < until) {
        const requested = performance.now()
        await locks.hold('wanted', async () => {
          const acquired = performance.now()
          longest = Math.max(longest, acquired - requested)
          // Waiters that are served after the end only show how long they had to wait.
          if (acquired > until) return
          await sleep(HOLD_MS)
          count++
          held += performance.now() - acquired
          elapsed = performance.now() - started
        })
      }
    }),
  )
  const { user, system } = process.cpuUsage(cpu)
  const work = difference(await meter.sample(), before)
  await Promise.all(waiters.map((locks) => locks.close()))
  return {
    count,
    held,
    elapsed,
    longest,
    commands: work.commands,
    server: work.cpu,
    cpu: user + system,
  }
}
