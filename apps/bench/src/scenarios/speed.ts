import { startRedis } from '@cache/testkit'
import { contenders } from '../caches/all.js'
import { product, type Contender, type MeasuredCache } from '../caches/cache.js'
import { measureInRounds, type LoadProfile, type Task } from '../measure/rounds.js'
import { precise } from '../measure/statistics.js'
import type { Scale, Scenario } from './scenario.js'

const PRODUCTS = 1_000

export const hit: Scenario = {
  name: 'hit',
  about: 'A cached value, 100 reads in flight.',
  run: (scale) => measure(scale, { inFlight: 100, operations: 10_000, rounds: 15 }, reading),
}

export const oneAtATime: Scenario = {
  name: 'one at a time',
  about: 'A cached value, one read after the other.',
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
  about: '100 cached values at once, against MGET. Libraries without a bulk read are left out.',
  run: (scale) =>
    measure(scale, { inFlight: 1, operations: 200, rounds: 25 }, ({ getMany }) => {
      const ids = Array.from({ length: 100 }, (_, id) => id)
      return getMany && (() => getMany(ids))
    }),
}

function reading(cache: MeasuredCache): () => Promise<unknown> {
  let next = 0
  return () => cache.getOrLoad(next++ % PRODUCTS, () => Promise.reject(new Error('It is cached.')))
}

function missing(cache: MeasuredCache): () => Promise<unknown> {
  let next = PRODUCTS
  return () => {
    const id = next++
    return cache.getOrLoad(id, async () => product(id))
  }
}

/** Measures all contenders on one server, each in its own database. */
async function measure(
  scale: Scale,
  profile: LoadProfile,
  workOf: (cache: MeasuredCache) => (() => Promise<unknown>) | undefined,
) {
  await using server = await startRedis()
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
      scale === 'full'
        ? profile
        : { ...profile, operations: Math.ceil(profile.operations / 100), rounds: 1 },
    )
    const rows = speeds.map(({ name, microseconds, ratio, cpu }) => ({
      name,
      'µs each': precise(microseconds),
      'CPU µs each': precise(cpu),
      'times the bare client': precise(ratio),
    }))
    return { shown: 'times the bare client', better: 'more' as const, rows }
  } finally {
    await Promise.all(opened.map(({ cache }) => cache.close()))
  }
}

async function seed({ name }: Contender, cache: MeasuredCache): Promise<void> {
  for (let id = 0; id < PRODUCTS; id += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => cache.getOrLoad(id + i, async () => product(id + i))),
    )
  }
  let loads = 0
  await cache.getOrLoad(0, async () => {
    loads++
    return product(0)
  })
  if (loads > 0) throw new Error(`${name} did not cache the loaded value.`)
}
