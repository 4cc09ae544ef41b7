import { setTimeout as sleep } from 'node:timers/promises'
import { ConsistencyChecker } from '../consistency-checker.js'
import { runLoops } from '../run-loops.js'
import { countedDuring, getCategory, patchProduct } from '../http.js'
import type { CatalogEnvironment } from '../environment.js'
import type { Log } from '../log.js'
import { roundRobin } from './selection.js'
import { resultRow, type ScenarioResult } from './scenario.js'

const HEARTBEAT_MS = 1_000

export async function near(
  { catalogs, connect }: CatalogEnvironment,
  log: Log,
): Promise<ScenarioResult> {
  log(
    'category lists in near caches are read and changed through both processes, ' +
      'while CLIENT KILL ends their subscriptions repeatedly',
  )
  const checker = new ConsistencyChecker() // Checks reads against writes of the same process.
  const lag = new PropagationLag() // Measures the delay until the other process shows a write.
  const clients = await connect()
  const { stats } = await countedDuring(catalogs, () =>
    Promise.all([
      runLoops(12, 3_000, async (i) => {
        const id = 401 + (i % 3)
        await checker.checkRead(`${i % 2}:${id}`, async () => {
          const started = performance.now()
          const product = (await getCategory(roundRobin(catalogs, i), (id % 60) + 1)).find(
            (candidate) => candidate.id === id,
          )!
          lag.recordRead(product, started)
          return product
        })
      }),
      runLoops(1, 3_000, async (i) => {
        const written = await patchProduct(roundRobin(catalogs, i), 401 + (i % 3), {
          priceCents: i,
        })
        if (written) {
          checker.recordWrite({ id: `${i % 2}:${written.id}`, version: written.version })
          lag.recordWrite(written)
        }
        await sleep(Math.random() * 20)
      }),
      runLoops(1, 3_000, async () => {
        await clients[0].client.send({ args: ['CLIENT', 'KILL', 'TYPE', 'pubsub'], keys: [] })
        await sleep(500)
      }),
    ]),
  )
  for (const { close } of clients) await close()
  return {
    rows: [resultRow('near lists during writes', checker, stats)],
    checks: [
      {
        description: `no process read a list older than its own writes (${checker.reads} reads)`,
        passed: checker.staleReads === 0,
      },
      {
        description: `the other process saw each change within ${lag.longest.toFixed(0)} ms`,
        passed: lag.longest < 2 * HEARTBEAT_MS,
      },
      {
        description: `${stats.near} lists came from the near cache without a command to Redis`,
        passed: stats.near > stats.hits / 2,
      },
    ],
  }
}

/** Measures how long after the acknowledgement of a change a read still returned an older row. */
class PropagationLag {
  longest = 0
  readonly #changes = new Map<number, { readonly version: number; readonly at: number }[]>()

  recordWrite({ id, version }: { readonly id: number; readonly version: number }): void {
    this.#changes.set(id, [...(this.#changes.get(id) ?? []), { version, at: performance.now() }])
  }

  recordRead(
    { id, version }: { readonly id: number; readonly version: number },
    started: number,
  ): void {
    const missed = this.#changes.get(id)?.find((change) => change.version > version)
    if (missed) this.longest = Math.max(this.longest, started - missed.at)
  }
}
