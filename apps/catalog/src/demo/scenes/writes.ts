import { setTimeout as sleep } from 'node:timers/promises'
import { Checker, loops } from '../checker.js'
import { countedDuring, getProduct, getShelved, patchProduct } from '../http.js'
import { createNaive } from '../naive.js'
import type { Stage } from '../stage.js'
import { pick } from './choice.js'
import { rowOf, type Outcome } from './outcome.js'

export async function writes(
  { catalogs, redis, database }: Stage,
  tell: (what: string) => void,
): Promise<Outcome> {
  tell(
    'writes through both processes while both are read: 12 readers, 3 products, by themselves and within their categories',
  )
  const checker = new Checker()
  const { stats } = await countedDuring(catalogs, () =>
    readWhileWriting(
      checker,
      (id, i) =>
        i % 5 < 3 ? getProduct(pick(catalogs, i), id) : getShelved(pick(catalogs, i), id),
      (id, i) => patchProduct(pick(catalogs, i), id, { priceCents: i }),
    ),
  )

  tell('the same with cache-aside as it is usually written, for contrast')
  const naive = createNaive(redis, database)
  const contrast = new Checker()
  await readWhileWriting(
    contrast,
    (id) => naive.get(id),
    (id, i) => naive.update(id, i),
  )
  await naive.close()
  return {
    rows: [
      rowOf('reads during writes', checker, stats),
      rowOf('… as usually written', contrast, { hits: '', loads: '' }),
    ],
    expectations: [
      {
        what: `no read that began after an acknowledged write showed an older row (${checker.reads} reads)`,
        holds: checker.stale === 0,
      },
      { what: 'and there were hits among them', holds: stats.hits > 0 },
    ],
  }
}

/** 12 readers and 2 writers on 3 products; the writers check what they have acknowledged. */
async function readWhileWriting(
  checker: Checker,
  read: (id: number, i: number) => Promise<{ version: number }>,
  write: (id: number, i: number) => Promise<{ id: number; version: number } | undefined>,
): Promise<void> {
  await Promise.all([
    loops(12, 3_000, (i) => checker.read(1 + (i % 3), () => read(1 + (i % 3), i))),
    loops(2, 3_000, async (i) => {
      const written = await write(1 + (i % 3), i)
      if (written) checker.wrote(written)
      await sleep(Math.random() * 20)
    }),
  ])
}
