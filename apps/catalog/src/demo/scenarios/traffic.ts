import { ConsistencyChecker } from '../consistency-checker.js'
import { runLoops } from '../run-loops.js'
import { countedDuring, getProduct } from '../http.js'
import type { CatalogEnvironment } from '../environment.js'
import type { Log } from '../log.js'
import { skewedProductId, roundRobin } from './selection.js'
import { resultRow, type ScenarioResult } from './scenario.js'

export async function traffic({ catalogs }: CatalogEnvironment, log: Log): Promise<ScenarioResult> {
  log('steady traffic on both processes: 16 readers, 200 products')
  const checker = new ConsistencyChecker()
  const { stats } = await countedDuring(catalogs, () =>
    runLoops(16, 3_000, async (i) =>
      checker.checkRead(skewedProductId(i), () =>
        getProduct(roundRobin(catalogs, i), skewedProductId(i)),
      ),
    ),
  )
  return {
    rows: [resultRow('steady traffic', checker, stats)],
    checks: [
      {
        description: 'every product was loaded from the database once, by one of the two processes',
        passed: stats.loads <= 200,
      },
      {
        description: 'all other reads came from Redis',
        passed:
          stats.hits >= checker.reads - 16 * 200 &&
          stats.hits > Math.min(stats.loads, checker.reads / 10),
      },
    ],
  }
}
