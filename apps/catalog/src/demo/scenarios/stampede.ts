import { ConsistencyChecker } from '../consistency-checker.js'
import { countedDuring, getProduct } from '../http.js'
import type { CatalogEnvironment } from '../environment.js'
import type { Log } from '../log.js'
import { roundRobin } from './selection.js'
import { resultRow, type ScenarioResult } from './scenario.js'

export async function stampede(
  { catalogs }: CatalogEnvironment,
  log: Log,
): Promise<ScenarioResult> {
  log('a stampede: 400 concurrent requests to both processes for one product that is not cached')
  const checker = new ConsistencyChecker()
  const { stats } = await countedDuring(catalogs, () =>
    Promise.all(
      Array.from({ length: 400 }, (_, i) =>
        checker.checkRead(2_999, () => getProduct(roundRobin(catalogs, i), 2_999)),
      ),
    ),
  )
  return {
    rows: [resultRow('stampede', checker, stats)],
    checks: [
      {
        description: `400 requests for a cold product caused one load (${stats.loads})`,
        passed: stats.loads === 1,
      },
    ],
  }
}
