import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis-6'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contenders } from '../src/caches/all.js'
import { product } from '../src/workload/product.js'
import { measureInRounds } from '../src/measure/rounds.js'
import { groupContenders } from '../src/groups/contenders.js'
import { countRoundTrips } from '../src/measure/round-trips.js'
import { nearContenders } from '../src/near/contenders.js'
import { isMet } from '../src/report/goal.js'
import { goalsOf } from '../src/report/goals.js'
import { picture, themes } from '../src/report/picture.js'
import { contenders as placements, servers } from '../src/scenarios/placement.js'
import { scenarios } from '../src/scenarios/all.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

describe('every contender does the work that is measured', () => {
  it.each(contenders.map((contender, database) => ({ contender, database, name: contender.name })))(
    '$name',
    async ({ contender, database }) => {
      const cache = await contender.open(`${server.url}/${database}`)
      let loads = 0
      const read = (id: number) =>
        cache.getOrLoad(id, async () => {
          loads++
          return product(id)
        })
      expect(await read(7)).toEqual(product(7))
      expect(await read(7)).toEqual(product(7))
      expect(loads).toBe(1)
      await read(8)
      if (cache.getMany)
        expect([...(await cache.getMany([8, 7]))]).toEqual([product(8), product(7)])
      await cache.invalidate(7)
      await read(7)
      expect(loads).toBe(3)
      await cache.close()
    },
  )
})

describe('every near cache does the work that is measured', () => {
  it.each(
    nearContenders.map((contender, database) => ({ contender, database, name: contender.name })),
  )('$name', async ({ contender, database }) => {
    const cache = await contender.open(`${server.url}/${database}`)
    let loads = 0
    const read = (id: number) =>
      cache.getOrLoad(id, async () => {
        loads++
        return product(id)
      })
    for (let i = 0; i < 5; i++) expect(await read(7)).toEqual(product(7))
    expect(loads).toBe(1)
    await cache.invalidate(7)
    expect(await read(7)).toEqual(product(7))
    expect(loads).toBe(2)
    await cache.close()
  })
})

describe('every cache with groups does the work that is measured', () => {
  it.each(
    groupContenders.map((contender, database) => ({ contender, database, name: contender.name })),
  )('$name', async ({ contender, database }) => {
    let loads = 0
    const cache = await contender.open(
      `${server.url}/${database}`,
      async (id) => {
        loads++
        return product(id)
      },
      (id) => [`g${id}`, 'all'],
    )
    for (let i = 0; i < 4; i++)
      for (const id of [1, 2]) expect(await cache.get(id)).toEqual(product(id))
    const before = loads
    for (const id of [1, 2]) await cache.get(id)
    expect(loads).toBe(before)
    await cache.invalidateGroup('g1')
    for (const id of [1, 2]) await cache.get(id)
    expect(loads).toBe(before + 1)
    await cache.invalidateGroup('all')
    for (const id of [1, 2]) await cache.get(id)
    expect(loads).toBe(before + 3)
    await cache.close()
  })

  it('round trips are counted, whatever commands they carry', async () => {
    await using roundTrips = await countRoundTrips(server)
    const redis = new Redis(roundTrips.url)
    await redis.ping()
    expect(
      await roundTrips.during(async () => {
        for (let i = 0; i < 3; i++) await redis.get('a')
      }),
    ).toBe(3)
    expect(
      await roundTrips.during(async () => redis.pipeline().get('a').get('b').get('c').exec()),
    ).toBe(1)
    redis.disconnect()
  })
})

it('every placement assigns each key, and hashring agrees with ketama()', () => {
  const locators = placements.map(({ name, open }) => ({ name, locate: open(servers(8)) }))
  const [ketama, hashring] = ['@cache/sharding, ketama()', 'hashring'].map(
    (expected) => locators.find(({ name }) => name === expected)!.locate,
  )
  for (let i = 0; i < 2_000; i++) {
    const key = `key:${i}`
    for (const { locate } of locators) expect(servers(8)).toContain(locate(key))
    expect(ketama!(key)).toBe(hashring!(key))
  }
})

it('a task that takes twice as long is half as fast as the baseline', async () => {
  const spin = (ms: number) => async () => {
    for (const end = performance.now() + ms; performance.now() < end;);
  }
  const [, twice] = await measureInRounds(
    [
      { name: 'bare', bare: 'bare', run: spin(1) },
      { name: 'twice', bare: 'bare', run: spin(2) },
    ],
    { inFlight: 2, operations: 20, rounds: 5 },
  )
  expect(twice!.ratio).toBeGreaterThan(0.33)
  expect(twice!.ratio).toBeLessThan(0.75)
})

it('a goal compares with the best of the others, and isMet returns whether it is met', async () => {
  const table = (...rows: [string, Record<string, number>][]) => ({
    shown: 'µs each',
    better: 'less' as const,
    rows: rows.map(([name, columns]) => ({ name, ...columns })),
  })
  const [slow, fast] = [2, 1].map((each) =>
    goalsOf(
      'lock',
      table(
        ['@cache/lock on ioredis', { 'µs each': each }],
        ['redlock', { 'µs each': 3 }],
        ['@verrou/core', { 'µs each': 1.5 }],
      ),
    ),
  )
  expect(slow!.map(isMet)).toEqual([false])
  expect(fast!.map(isMet)).toEqual([true])
  expect(fast![0]!.what).toContain('@verrou/core')
})

it('results become a picture, even if a contender never answered', async () => {
  const result = {
    shown: 'ms',
    better: 'less' as const,
    rows: [
      { name: '@cache/aside', ms: 3 },
      { name: 'another', ms: 'none' },
    ],
  }
  const measured = scenarios.slice(0, 2).map((scenario) => ({ scenario, result }))
  for (const colours of Object.values(themes)) {
    const svg = await picture(measured, colours)
    expect(svg).toMatch(/^<svg/)
    for (const { scenario } of measured) expect(svg).toContain(scenario.name)
    expect(svg).toContain('@cache/aside')
    expect(svg).toContain('none')
    expect(svg).toContain(colours.ours)
  }
})
