import { setTimeout as sleep } from 'node:timers/promises'
import { connectPostgres } from '../../database.js'
import { Checker, loops } from '../checker.js'
import { send } from '../http.js'
import type { Stage } from '../stage.js'
import { pick } from './choice.js'
import { rowOf, type Outcome } from './outcome.js'

const USERS = 20

/**
 * Write-behind: visits are counted in Redis, and workers carry them to Postgres; one is killed
 * every half second.
 */
export async function visits(
  { accounts, workers, database }: Stage,
  tell: (what: string) => void,
): Promise<Outcome> {
  tell(
    'visits are counted ahead of the database, while the workers that carry them there are killed one after the other',
  )
  const checker = new Checker()
  const acknowledged = new Map<number, number>()
  let unknown = 0
  const visit = async (i: number): Promise<void> => {
    const id = 100 + (i % USERS)
    await checker
      .read(id, async () => {
        const seen = await send<{ readonly visits: number }>(
          pick(accounts.processes, i),
          'POST',
          `/users/${id}/visits`,
        )
        if (!seen) throw new Error('the visit was refused')
        acknowledged.set(id, (acknowledged.get(id) ?? 0) + 1)
        return { version: seen.visits }
      })
      .catch(() => {
        unknown++
      })
  }
  await Promise.all([
    loops(8, 3_000, visit),
    (async () => {
      for (let i = 0; i < 4; i++) {
        await sleep(500)
        await workers.kill(i % 2)
        await workers.start(i % 2)
      }
    })(),
  ])
  tell('waiting until Postgres has them all')
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
    rows: [rowOf('visits', checker, { hits: '', loads: '' })],
    expectations: [
      {
        what: `every acknowledged visit is in Postgres, and none twice, though four workers were killed (${counted} acknowledged, ${total} there)`,
        holds: lost.length === 0 && counted > 0 && total <= counted + unknown,
      },
      {
        what: 'the queue is empty, and nothing became a dead letter',
        holds: writes === 0 && deadLetters === 0,
      },
    ],
  }
}
