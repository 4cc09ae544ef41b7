import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Checker, loops } from '../checker.js'
import { countedDuring, getCategory, patchProduct } from '../http.js'
import type { Stage } from '../stage.js'
import { pick } from './choice.js'
import { rowOf, type Outcome } from './outcome.js'

const HEARTBEAT_MS = 1_000

export async function near(
  { catalogs, redis }: Stage,
  tell: (what: string) => void,
): Promise<Outcome> {
  tell(
    'category lists, near each process: read and changed through both, their listeners cut off again and again (CLIENT KILL)',
  )
  const checker = new Checker() // of what a process has changed itself
  const lag = new Lag() // of what any has changed
  const admin = new Redis(redis.url)
  const { stats } = await countedDuring(catalogs, () =>
    Promise.all([
      loops(12, 3_000, async (i) => {
        const id = 401 + (i % 3)
        await checker.read(`${i % 2}:${id}`, async () => {
          const asked = performance.now()
          const shown = (await getCategory(pick(catalogs, i), (id % 60) + 1)).find(
            (product) => product.id === id,
          )!
          lag.read(shown, asked)
          return shown
        })
      }),
      loops(1, 3_000, async (i) => {
        const written = await patchProduct(pick(catalogs, i), 401 + (i % 3), { priceCents: i })
        if (written) {
          checker.wrote({ id: `${i % 2}:${written.id}`, version: written.version })
          lag.wrote(written)
        }
        await sleep(Math.random() * 20)
      }),
      loops(1, 3_000, async () => {
        await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
        await sleep(500)
      }),
    ]),
  )
  admin.disconnect()
  return {
    rows: [rowOf('near lists during writes', checker, stats)],
    expectations: [
      {
        what: `no process showed an older list than it had written itself (${checker.reads} reads)`,
        holds: checker.stale === 0,
      },
      {
        what: `the other one has shown each change after ${lag.longest.toFixed(0)} ms at most`,
        holds: lag.longest < 2 * HEARTBEAT_MS,
      },
      {
        what: `${stats.near} lists came out of the process, and nothing was sent`,
        holds: stats.near > stats.hits / 2,
      },
    ],
  }
}

/** How long after a change was acknowledged somebody asked and was shown an older row. */
class Lag {
  longest = 0
  readonly #changes = new Map<number, { readonly version: number; readonly at: number }[]>()

  wrote({ id, version }: { readonly id: number; readonly version: number }): void {
    this.#changes.set(id, [...(this.#changes.get(id) ?? []), { version, at: performance.now() }])
  }

  read({ id, version }: { readonly id: number; readonly version: number }, asked: number): void {
    const missed = this.#changes.get(id)?.find((change) => change.version > version)
    if (missed) this.longest = Math.max(this.longest, asked - missed.at)
  }
}
