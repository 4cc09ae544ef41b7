import { setTimeout as sleep } from 'node:timers/promises'
import { ConsistencyChecker } from '../consistency-checker.js'
import { runLoops } from '../run-loops.js'
import { countedDuring, getProduct, patchProduct } from '../http.js'
import type { DemoEnvironment } from '../environment.js'
import type { Log } from '../log.js'
import { skewedProductId, roundRobin } from './selection.js'
import { resultRow, type Check, type ResultRow, type ScenarioResult } from './scenario.js'

export async function outage(
  { catalogs, redis }: DemoEnvironment,
  log: Log,
): Promise<ScenarioResult> {
  const rows: ResultRow[] = []
  const checks: Check[] = []
  let refusedWrites = 0
  const phase = async (name: string, ms: number): Promise<ConsistencyChecker> => {
    const checker = new ConsistencyChecker()
    const { stats } = await countedDuring(catalogs, () =>
      Promise.all([
        runLoops(8, ms, (i) =>
          checker.checkRead(skewedProductId(i), () =>
            getProduct(roundRobin(catalogs, i), skewedProductId(i)),
          ),
        ),
        runLoops(1, ms, async (i) => {
          const written = await patchProduct(roundRobin(catalogs, i), skewedProductId(i), {
            priceCents: i,
          })
          if (written) checker.recordWrite(written)
          else refusedWrites++
          await sleep(50)
        }),
      ]),
    )
    rows.push(resultRow(name, checker, stats))
    checks.push({
      description: `${name}: every read was answered with a current row (${checker.reads} reads)`,
      passed: checker.staleReads === 0 && checker.reads > 0,
    })
    return checker
  }
  log('Redis stops answering (SIGSTOP)')
  await redis.pause()
  await phase('Redis silent', 2_000)
  await redis.resume()
  log('Redis continues; then it is killed')
  await redis.kill()
  await phase('Redis dead', 2_000)
  checks.push({
    description: `writes were refused while Redis was down (${refusedWrites}), rows unchanged`,
    passed: refusedWrites > 0,
  })
  log('Redis is started again, empty')
  await redis.restart()
  await sleep(1_500)
  const back = await countedDuring(catalogs, () => phase('Redis back', 1_500))
  checks.push({
    description: 'both processes used Redis again without a restart',
    passed: back.stats.hits > 0,
  })
  return { rows, checks }
}
