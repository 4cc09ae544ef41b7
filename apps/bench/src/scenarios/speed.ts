import { startRedis } from '@cache/testkit'
import { contenders } from '../caches/all.js'
import type { Contender, MeasuredCache } from '../caches/cache.js'
import { measureInRounds, shortened, type LoadProfile, type Task } from '../measure/rounds.js'
import { ServerMeter } from '../measure/server-meter.js'
import { speedRow } from '../report/speed-row.js'
import { draw } from '../workload/access.js'
import { fallback } from '../workload/fallback.js'
import { compositeId, compositeIds } from '../workload/ids.js'
import { product } from '../workload/product.js'
import type { Scale, Scenario } from './scenario.js'

const IDS = compositeIds(1_000)

export const hit: Scenario = {
  name: 'hit',
  about: 'A cached value of 1 000 at random, 100 reads in flight.',
  run: (scale) => measure(scale, { inFlight: 100, operations: 10_000, rounds: 15 }, reading),
}

export const oneAtATime: Scenario = {
  name: 'one at a time',
  about: 'A cached value of 1 000 at random, one read after the other.',
  run: (scale) => measure(scale, { inFlight: 1, operations: 1_000, rounds: 25 }, reading),
}

export const miss: Scenario = {
  name: 'miss',
  about: 'A value that is not cached: loaded (at once) and stored, 100 in flight.',
  run: (scale) => measure(scale, { inFlight: 100, operations: 4_000, rounds: 15 }, missing),
}

export const oneMissAtATime: Scenario = {
  name: 'one miss at a time',
  about: 'A value that is not cached: loaded (at once) and stored, one after the other.',
  run: (scale) => measure(scale, { inFlight: 1, operations: 500, rounds: 15 }, missing),
}

export const bulk: Scenario = {
  name: 'bulk',
  about:
    '100 cached values of 1 000 at once, against MGET and JSON.parse. ' +
    'Libraries without a bulk read are left out.',
  run: (scale) =>
    measure(scale, { inFlight: 1, operations: 200, rounds: 25 }, ({ getMany }) => {
      const id = draw(IDS)
      return getMany && (() => getMany(different(100, id)))
    }),
}

export function reading(cache: MeasuredCache): () => Promise<unknown> {
  const id = draw(IDS)
  return () => cache.getOrLoad(id(), fallback)
}

function missing(cache: MeasuredCache): () => Promise<unknown> {
  let next = IDS.length
  return () => {
    const id = compositeId(next++)
    return cache.getOrLoad(id, async () => product(id))
  }
}

/** Draws `count` different ids. */
function different(count: number, id: () => string): readonly string[] {
  const drawn = new Set<string>()
  while (drawn.size < count) drawn.add(id())
  return [...drawn]
}

/** Measures all contenders on one server, each in its own database. */
async function measure(
  scale: Scale,
  profile: LoadProfile,
  workOf: (cache: MeasuredCache) => (() => Promise<unknown>) | undefined,
) {
  await using server = await startRedis()
  await using meter = new ServerMeter([server])
  const opened = await Promise.all(
    contenders.map(async (contender, i) => ({
      contender,
      cache: await contender.open(`${server.url}/${i}`),
    })),
  )
  try {
    const tasks: Task[] = []
    for (const { contender, cache } of opened) {
      await seed(contender, cache)
      const run = workOf(cache)
      if (run) tasks.push({ name: contender.name, bare: contender.bare, run })
    }
    const speeds = await measureInRounds(
      tasks,
      scale === 'full' ? profile : shortened(profile),
      meter,
    )
    const shown = 'times the bare client'
    return { shown, better: 'more' as const, rows: speeds.map((speed) => speedRow(speed, shown)) }
  } finally {
    await Promise.all(opened.map(({ cache }) => cache.close()))
  }
}

/**
 * Stores the values. A library may give up the first ones while its client is still connecting, so
 * it has three attempts.
 *
 * @throws {Error} if it does not cache.
 */
export async function seed(
  { name }: Pick<Contender, 'name'>,
  cache: MeasuredCache,
  ids: readonly string[] = IDS,
  valueOf = product,
): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    let loads = 0
    const read = (id: string) =>
      cache.getOrLoad(id, async () => {
        loads++
        return valueOf(id)
      })
    for (let i = 0; i < ids.length; i += 100) await Promise.all(ids.slice(i, i + 100).map(read))
    loads = 0
    await Promise.all(ids.slice(0, 100).map(read))
    if (loads === 0) return
  }
  throw new Error(`${name} did not cache the loaded values.`)
}
