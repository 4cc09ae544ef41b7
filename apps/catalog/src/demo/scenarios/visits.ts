import { setTimeout as sleep } from 'node:timers/promises'
import { connectPostgres } from '../../database.js'
import { ConsistencyChecker } from '../consistency-checker.js'
import { runLoops } from '../run-loops.js'
import { send } from '../http.js'
import type { DemoEnvironment } from '../environment.js'
import type { Log } from '../log.js'
import { roundRobin } from './selection.js'
import { resultRow, type ScenarioResult } from './scenario.js'

const USERS = 20

/**
 * Tests write-behind: visits are counted in Redis, and workers write them to Postgres. Every half
 * second a worker is killed and restarted.
 */
export async function visits(
  { accounts, workers, database }: DemoEnvironment,
  log: Log,
): Promise<ScenarioResult> {
  log(
    'visits are counted in Redis, while the workers that write them to Postgres ' +
      'are killed one after the other',
  )
  const checker = new ConsistencyChecker()
  const acknowledged = new Map<number, number>()
  let unknown = 0
  const visit = async (i: number): Promise<void> => {
    const id = 100 + (i % USERS)
    await checker
      .checkRead(id, async () => {
        const activity = await send<{ readonly visits: number }>(
          roundRobin(accounts.processes, i),
          'POST',
          `/users/${id}/visits`,
        )
        if (!activity) throw new Error('The visit was refused.')
        acknowledged.set(id, (acknowledged.get(id) ?? 0) + 1)
        return { version: activity.visits }
      })
      .catch(() => {
        unknown++
      })
  }
  await Promise.all([
    runLoops(8, 3_000, visit),
    (async () => {
      for (let i = 0; i < 4; i++) {
        await sleep(500)
        await workers.kill(i % 2)
        await workers.start(i % 2)
      }
    })(),
  ])
  log('waiting until all visits are in Postgres')
  const queue = async () =>
    (await send<{ readonly writes: number; readonly deadLetters: number }>(
      accounts.processes[0]!,
      'GET',
      '/queue',
    ))!
  for (let i = 0; i < 200 && (await queue()).writes > 0; i++) await sleep(50)
  const { writes, deadLetters } = await queue()
  const pool = connectPostgres(database.url)
  const { rows } = await pool.query<{ id: string; visits: number }>(
    'select id, visits from activity',
  )
  await pool.end()
  const lost = [...acknowledged].filter(
    ([id, count]) => (rows.find((row) => row.id === String(id))?.visits ?? 0) < count,
  )
  const total = rows.reduce((sum, row) => sum + row.visits, 0)
  const counted = [...acknowledged.values()].reduce((sum, count) => sum + count, 0)
  return {
    rows: [resultRow('visits', checker, { hits: '', loads: '' })],
    checks: [
      {
        description:
          'every acknowledged visit is in Postgres once, although four workers were killed ' +
          `(${counted} acknowledged, ${total} in Postgres)`,
        passed: lost.length === 0 && counted > 0 && total <= counted + unknown,
      },
      {
        description: 'the queue is empty, and no write became a dead letter',
        passed: writes === 0 && deadLetters === 0,
      },
    ],
  }
}
