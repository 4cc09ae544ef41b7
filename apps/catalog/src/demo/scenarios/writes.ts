import { setTimeout as sleep } from 'node:timers/promises'
import { ConsistencyChecker } from '../consistency-checker.js'
import { runLoops } from '../run-loops.js'
import { countedDuring, getProduct, getProductInCategory, patchProduct } from '../http.js'
import { createNaiveCache } from '../naive-cache.js'
import type { CatalogEnvironment } from '../environment.js'
import type { Log } from '../log.js'
import { roundRobin } from './selection.js'
import { resultRow, type ScenarioResult } from './scenario.js'

export async function writes(
  { catalogs, connect, database }: CatalogEnvironment,
  log: Log,
): Promise<ScenarioResult> {
  log(
    'writes and reads through both processes: 12 readers, 3 products, ' +
      'read alone and within their categories',
  )
  const checker = new ConsistencyChecker()
  const { stats } = await countedDuring(catalogs, () =>
    readWhileWriting(
      checker,
      (id, i) =>
        i % 5 < 3
          ? getProduct(roundRobin(catalogs, i), id)
          : getProductInCategory(roundRobin(catalogs, i), id),
      (id, i) => patchProduct(roundRobin(catalogs, i), id, { priceCents: i }),
    ),
  )

  log('the same with a naive cache-aside, for comparison')
  const clients = await connect()
  const naive = createNaiveCache(clients[0].client, database)
  const naiveChecker = new ConsistencyChecker()
  await readWhileWriting(
    naiveChecker,
    (id) => naive.get(id),
    (id, i) => naive.update(id, i),
  )
  await naive.close()
  for (const { close } of clients) await close()
  return {
    rows: [
      resultRow('reads during writes', checker, stats),
      resultRow('… with a naive cache-aside', naiveChecker, { hits: '', loads: '' }),
    ],
    checks: [
      {
        description:
          'no read that began after an acknowledged write returned an older row ' +
          `(${checker.reads} reads)`,
        passed: checker.staleReads === 0,
      },
      { description: 'some of these reads were hits', passed: stats.hits > 0 },
    ],
  }
}

/** Runs 12 readers and 2 writers on 3 products. The writers record what was acknowledged. */
async function readWhileWriting(
  checker: ConsistencyChecker,
  read: (id: number, i: number) => Promise<{ version: number }>,
  write: (id: number, i: number) => Promise<{ id: number; version: number } | undefined>,
): Promise<void> {
  await Promise.all([
    runLoops(12, 3_000, (i) => checker.checkRead(1 + (i % 3), () => read(1 + (i % 3), i))),
    runLoops(2, 3_000, async (i) => {
      const written = await write(1 + (i % 3), i)
      if (written) checker.recordWrite(written)
      await sleep(Math.random() * 20)
    }),
  ])
}
