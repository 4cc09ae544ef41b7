import { setTimeout as sleep } from 'node:timers/promises'
import { Checker, loops } from '../checker.js'
import { countedDuring, getProduct, patchProduct } from '../http.js'
import type { Stage } from '../stage.js'
import { hot, pick } from './choice.js'
import { rowOf, type Outcome, type Row } from './outcome.js'

export async function outage(
  { catalogs, redis }: Stage,
  tell: (what: string) => void,
): Promise<Outcome> {
  const rows: Row[] = []
  const expectations: { what: string; holds: boolean }[] = []
  let refused = 0
  const phase = async (name: string, ms: number): Promise<Checker> => {
    const checker = new Checker()
    const { stats } = await countedDuring(catalogs, () =>
      Promise.all([
        loops(8, ms, (i) => checker.read(hot(i), () => getProduct(pick(catalogs, i), hot(i)))),
        loops(1, ms, async (i) => {
          const written = await patchProduct(pick(catalogs, i), hot(i), { priceCents: i })
          if (written) checker.wrote(written)
          else refused++
          await sleep(50)
        }),
      ]),
    )
    rows.push(rowOf(name, checker, stats))
    expectations.push({
      what: `${name}: every read was answered, none with an outdated row (${checker.reads} reads)`,
      holds: checker.stale === 0 && checker.reads > 0,
    })
    return checker
  }
  tell('Redis stops answering (SIGSTOP)')
  await redis.pause()
  await phase('Redis silent', 2_000)
  await redis.resume()
  tell('Redis goes on; then it is killed')
  await redis.kill()
  await phase('Redis dead', 2_000)
  expectations.push({
    what: `writes were refused while Redis was out (${refused}), their rows untouched`,
    holds: refused > 0,
  })
  tell('Redis is started again, empty')
  await redis.restart()
  await sleep(1_500)
  const back = await countedDuring(catalogs, () => phase('Redis back', 1_500))
  expectations.push({
    what: 'both processes went back to Redis by themselves',
    holds: back.stats.hits > 0,
  })
  return { rows, expectations }
}
