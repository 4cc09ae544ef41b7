import { setTimeout as sleep } from 'node:timers/promises'
import { Checker, loops } from './checker.js'
import { countedDuring, getProduct, patchProduct } from './http.js'
import { createNaive } from './naive.js'
import type { CatalogProcess, Stage } from './stage.js'

export interface Outcome {
  /** One row of the table. */
  readonly rows: readonly Row[]
  /** What must hold, in plain words. */
  readonly expectations: readonly { readonly what: string; readonly holds: boolean }[]
}

export interface Row {
  readonly scene: string
  readonly reads: number
  readonly hits: string
  readonly loads: string
  readonly p50: string
  readonly p99: string
  readonly stale: number
}

type Scene = (stage: Stage, tell: (what: string) => void) => Promise<Outcome>

export const scenes: readonly Scene[] = [traffic, stampede, writes, outage]

async function traffic({ catalogs }: Stage, tell: (what: string) => void): Promise<Outcome> {
  tell('steady traffic on both processes: 16 readers, 200 products')
  const checker = new Checker()
  const { stats } = await countedDuring(catalogs, () =>
    loops(16, 3_000, async (i) => checker.read(hot(i), () => getProduct(pick(catalogs, i), hot(i)))))
  return {
    rows: [rowOf('steady traffic', checker, stats)],
    expectations: [
      { what: 'every product was loaded from the database once, by one of the two processes', holds: stats.loads <= 200 },
      { what: 'the rest came from Redis', holds: stats.hits >= checker.reads - 16 * 200 && stats.hits > stats.loads },
    ],
  }
}

async function stampede({ catalogs }: Stage, tell: (what: string) => void): Promise<Outcome> {
  tell('a stampede: 400 requests at once for one product that nobody has cached, on both processes')
  const checker = new Checker()
  const { stats } = await countedDuring(catalogs, () =>
    Promise.all(Array.from({ length: 400 }, (_, i) => checker.read(2_999, () => getProduct(pick(catalogs, i), 2_999)))))
  return {
    rows: [rowOf('stampede', checker, stats)],
    expectations: [{ what: `400 requests for a cold product made one load (${stats.loads})`, holds: stats.loads === 1 }],
  }
}

async function writes({ catalogs, redis, database }: Stage, tell: (what: string) => void): Promise<Outcome> {
  tell('writes through one process while both are read: 12 readers, 3 products')
  const checker = new Checker()
  const { stats } = await countedDuring(catalogs, () => readWhileWriting(checker,
    (id, i) => getProduct(pick(catalogs, i), id),
    (id, i) => patchProduct(pick(catalogs, i), id, { priceCents: i })))

  tell('the same with cache-aside as it is usually written, for contrast')
  const naive = createNaive(redis, database)
  const contrast = new Checker()
  await readWhileWriting(contrast, (id) => naive.get(id), (id, i) => naive.update(id, i))
  await naive.close()
  return {
    rows: [rowOf('reads during writes', checker, stats), rowOf('… as usually written', contrast, { hits: '', loads: '' })],
    expectations: [
      { what: `no read that began after an acknowledged write showed an older row (${checker.reads} reads)`, holds: checker.stale === 0 },
      { what: 'and there were hits among them', holds: stats.hits > 0 },
    ],
  }
}

async function outage({ catalogs, redis }: Stage, tell: (what: string) => void): Promise<Outcome> {
  const rows: Row[] = []
  const expectations: { what: string; holds: boolean }[] = []
  let refused = 0
  const phase = async (name: string, ms: number): Promise<Checker> => {
    const checker = new Checker()
    const { stats } = await countedDuring(catalogs, () => Promise.all([
      loops(8, ms, (i) => checker.read(hot(i), () => getProduct(pick(catalogs, i), hot(i)))),
      loops(1, ms, async (i) => {
        const written = await patchProduct(pick(catalogs, i), hot(i), { priceCents: i })
        if (written) checker.wrote(written)
        else refused++
        await sleep(50)
      }),
    ]))
    rows.push(rowOf(name, checker, stats))
    expectations.push({ what: `${name}: every read was answered, none with an outdated row (${checker.reads} reads)`, holds: checker.stale === 0 && checker.reads > 0 })
    return checker
  }
  tell('Redis stops answering (SIGSTOP)')
  await redis.pause()
  await phase('Redis silent', 2_000)
  await redis.resume()
  tell('Redis goes on; then it is killed')
  await redis.kill()
  await phase('Redis dead', 2_000)
  expectations.push({ what: `writes were refused while Redis was out (${refused}), their rows untouched`, holds: refused > 0 })
  tell('Redis is started again, empty')
  await redis.restart()
  await sleep(1_500)
  const back = await countedDuring(catalogs, () => phase('Redis back', 1_500))
  expectations.push({ what: 'both processes went back to Redis by themselves', holds: back.stats.hits > 0 })
  return { rows, expectations }
}

/** 12 readers and 2 writers on 3 products; the writers check what they have acknowledged. */
async function readWhileWriting(checker: Checker, read: (id: number, i: number) => Promise<{ version: number }>, write: (id: number, i: number) => Promise<{ id: number; version: number } | undefined>): Promise<void> {
  await Promise.all([
    loops(12, 3_000, (i) => checker.read(1 + (i % 3), () => read(1 + (i % 3), i))),
    loops(2, 3_000, async (i) => {
      const written = await write(1 + (i % 3), i)
      if (written) checker.wrote(written)
      await sleep(Math.random() * 20)
    }),
  ])
}

function pick(catalogs: readonly CatalogProcess[], i: number): CatalogProcess {
  return catalogs[i % catalogs.length]!
}

/** Products 101 to 300, some far more often than others. */
function hot(i: number): number {
  return 101 + Math.floor(200 * ((((i * 7_919) % 1_000) / 1_000) ** 2))
}

function rowOf(scene: string, checker: Checker, { hits, loads }: { hits: number | string; loads: number | string }): Row {
  const ms = (share: number): string => `${checker.percentile(share).toFixed(1)} ms`
  return { scene, reads: checker.reads, hits: String(hits), loads: String(loads), p50: ms(0.5), p99: ms(0.99), stale: checker.stale }
}
