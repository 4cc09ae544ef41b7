import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '@cache/testkit'
import { lockers } from '../locks/contenders.js'
import { inRounds } from '../measure/rounds.js'
import { median, precise } from '../measure/statistics.js'
import type { Row, Scenario } from './scenario.js'

export const lock: Scenario = {
  name: 'lock',
  about: 'Acquiring and releasing a lock that nobody else wants, one after the other; against redlock.',
  async run(scale) {
    await using server = await startRedis()
    const opened = await Promise.all(lockers.map(async ({ name, open }, i) => ({ name, locks: await open(`${server.url}/${i}`) })))
    const works = opened.map(({ name, locks }) => ({ name, bare: 'redlock', run: () => locks.hold('one', async () => undefined) }))
    const speeds = await inRounds(works, { inFlight: 1, operations: scale === 'full' ? 500 : 5, rounds: scale === 'full' ? 15 : 1 })
    await Promise.all(opened.map(({ locks }) => locks.close()))
    const rows = speeds.map(({ name, microseconds, cpu, ratio }) => ({ name, 'µs each': precise(microseconds), 'CPU µs each': precise(cpu), 'times redlock': precise(ratio) }))
    return { shown: 'times redlock', better: 'more', rows }
  },
}

const CONTENDERS = 20
const HOLD_MS = 10

export const contended: Scenario = {
  name: 'contended lock',
  about: `${CONTENDERS} contenders, each with a connection of its own, hold one lock for ${HOLD_MS} ms again and again: how long they wait for it. Nobody can wait less than ${CONTENDERS - 1} times ${HOLD_MS} ms on average.`,
  async run(scale) {
    const turns = scale === 'full' ? 10 : 1
    const rows: Row[] = []
    for (const { name, open } of lockers) {
      await using server = await startRedis()
      const contenders = await Promise.all(Array.from({ length: CONTENDERS }, () => open(server.url)))
      const waits: number[] = []
      const started = performance.now()
      await Promise.all(contenders.map(async (locks) => {
        for (let turn = 0; turn < turns; turn++) {
          const asked = performance.now()
          await locks.hold('wanted', async () => {
            waits.push(performance.now() - asked)
            await sleep(HOLD_MS)
          })
        }
      }))
      rows.push({ name, 'longest wait, ms': Math.round(Math.max(...waits)), 'median wait, ms': Math.round(median(waits)), 'all turns, ms': Math.round(performance.now() - started) })
      await Promise.all(contenders.map((locks) => locks.close()))
    }
    return { shown: 'longest wait, ms', better: 'less', rows }
  },
}
