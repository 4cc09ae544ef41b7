import { Checker, loops } from '../checker.js'
import { countedDuring, getProduct } from '../http.js'
import type { Stage } from '../stage.js'
import { hot, pick } from './choice.js'
import { rowOf, type Outcome } from './outcome.js'

export async function traffic({ catalogs }: Stage, tell: (what: string) => void): Promise<Outcome> {
  tell('steady traffic on both processes: 16 readers, 200 products')
  const checker = new Checker()
  const { stats } = await countedDuring(catalogs, () =>
    loops(16, 3_000, async (i) =>
      checker.read(hot(i), () => getProduct(pick(catalogs, i), hot(i))),
    ),
  )
  return {
    rows: [rowOf('steady traffic', checker, stats)],
    expectations: [
      {
        what: 'every product was loaded from the database once, by one of the two processes',
        holds: stats.loads <= 200,
      },
      {
        what: 'the rest came from Redis',
        holds:
          stats.hits >= checker.reads - 16 * 200 &&
          stats.hits > Math.min(stats.loads, checker.reads / 10),
      },
    ],
  }
}
