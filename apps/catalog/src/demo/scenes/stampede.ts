import { Checker } from '../checker.js'
import { countedDuring, getProduct } from '../http.js'
import type { Stage } from '../stage.js'
import { pick } from './choice.js'
import { rowOf, type Outcome } from './outcome.js'

export async function stampede(
  { catalogs }: Stage,
  tell: (what: string) => void,
): Promise<Outcome> {
  tell('a stampede: 400 requests at once for one product that nobody has cached, on both processes')
  const checker = new Checker()
  const { stats } = await countedDuring(catalogs, () =>
    Promise.all(
      Array.from({ length: 400 }, (_, i) =>
        checker.read(2_999, () => getProduct(pick(catalogs, i), 2_999)),
      ),
    ),
  )
  return {
    rows: [rowOf('stampede', checker, stats)],
    expectations: [
      {
        what: `400 requests for a cold product made one load (${stats.loads})`,
        holds: stats.loads === 1,
      },
    ],
  }
}
