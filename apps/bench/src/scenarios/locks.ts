import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '@cache/testkit'
import { lockContenders } from '../locks/contenders.js'
import { measureInRounds, shortened, type LoadProfile } from '../measure/rounds.js'
import { ServerMeter } from '../measure/server-meter.js'
import { median } from '../measure/statistics.js'
import { speedRow } from '../report/speed-row.js'
import type { Result, Row, Scale, Scenario } from './scenario.js'

export const lock: Scenario = {
  name: 'lock',
  about: 'Acquiring and releasing uncontended locks, 1 000 names, 100 in flight; against redlock.',
  run: (scale) => measure(scale, { inFlight: 100, operations: 3_000, rounds: 15 }),
}

export const oneLockAtATime: Scenario = {
  name: 'one lock at a time',
  about: 'Acquiring and releasing uncontended locks, one after the other; against redlock.',
  run: (scale) => measure(scale, { inFlight: 1, operations: 500, rounds: 15 }),
}

async function measure(scale: Scale, profile: LoadProfile): Promise<Result> {
  await using server = await startRedis()
  await using meter = new ServerMeter([server])
  const opened = await Promise.all(
    lockContenders.map(async ({ name, open }, i) => ({
      name,
      locks: await open(`${server.url}/${i}`),
    })),
  )
  const tasks = opened.map(({ name, locks }) => {
    let next = 0
    return {
      name,
      bare: 'redlock',
      run: () => locks.hold(`lock ${next++ % 1_000}`, async () => undefined),
    }
  })
  const speeds = await measureInRounds(
    tasks,
    scale === 'full' ? profile : shortened(profile),
    meter,
  )
  await Promise.all(opened.map(({ locks }) => locks.close()))
  const shown = 'times redlock'
  return { shown, better: 'more', rows: speeds.map((speed) => speedRow(speed, shown)) }
}

const CONTENDERS = 20
const HOLD_MS = 10
const SECONDS = 8

export const contended: Scenario = {
  name: 'contended lock',
  about:
    `${CONTENDERS} contenders, each with its own connection, hold one lock for ${HOLD_MS} ms ` +
    `repeatedly for ${SECONDS} s: how long they wait for it, including those that never get it. ` +
    `The average wait can't be less than ${CONTENDERS - 1} times ${HOLD_MS} ms.`,
  async run(scale) {
    const rows: Row[] = []
    for (const { name, open } of lockContenders) {
      await using server = await startRedis()
      const contenders = await Promise.all(
        Array.from({ length: CONTENDERS }, () => open(server.url)),
      )
      const waits: number[] = []
      const until = performance.now() + (scale === 'full' ? SECONDS * 1_000 : 100)
      await Promise.all(
        contenders.map(async (locks) => {
          while (performance.now() < until) {
            const requested = performance.now()
            await locks.hold('wanted', async () => {
              waits.push(performance.now() - requested)
              await sleep(HOLD_MS)
            })
          }
        }),
      )
      rows.push({
        name,
        'longest wait, ms': Math.round(Math.max(...waits)),
        'median wait, ms': Math.round(median(waits)),
        turns: waits.length,
      })
      await Promise.all(contenders.map((locks) => locks.close()))
    }
    return { shown: 'longest wait, ms', better: 'less', rows }
  },
}
