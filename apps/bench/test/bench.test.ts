import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis-6'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contenders } from '../src/caches/all.js'
import { product } from '../src/caches/cache.js'
import { inRounds } from '../src/measure/rounds.js'
import { groupContenders } from '../src/groups/contenders.js'
import { countTurns } from '../src/measure/turns.js'
import { nearContenders } from '../src/near/contenders.js'
import { goalsOf, isMet } from '../src/report/goals.js'
import { picture } from '../src/report/picture.js'
import { contenders as placements, servers } from '../src/scenarios/placement.js'
import { scenarios } from '../src/scenarios/all.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

describe('every contender does the work it is measured at', () => {
  it.each(contenders.map((contender, place) => ({ contender, place, name: contender.name })))(
    '$name',
    async ({ contender, place }) => {
      const cache = await contender.open(`${server.url}/${place}`)
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

describe('every near cache does, too', () => {
  it.each(nearContenders.map((contender, place) => ({ contender, place, name: contender.name })))(
    '$name',
    async ({ contender, place }) => {
      const cache = await contender.open(`${server.url}/${place}`)
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
    },
  )
})

describe('every cache with groups does, too', () => {
  it.each(groupContenders.map((contender, place) => ({ contender, place, name: contender.name })))(
    '$name',
    async ({ contender, place }) => {
      let loads = 0
      const cache = await contender.open(
        `${server.url}/${place}`,
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
    },
  )

  it('round trips are counted, whatever travels in them', async () => {
    await using turns = await countTurns(server)
    const redis = new Redis(turns.url)
    await redis.ping()
    expect(
      await turns.during(async () => {
        for (let i = 0; i < 3; i++) await redis.get('a')
      }),
    ).toBe(3)
    expect(await turns.during(async () => redis.pipeline().get('a').get('b').get('c').exec())).toBe(
      1,
    )
    redis.disconnect()
  })
})

it('every placement knows a place for each key, and hashring puts keys where ketama() does', () => {
  const places = placements.map(({ name, open }) => ({ name, place: open(servers(8)) }))
  const [ketama, hashring] = ['@cache/sharding, ketama()', 'hashring'].map(
    (wanted) => places.find(({ name }) => name === wanted)!.place,
  )
  for (let i = 0; i < 2_000; i++) {
    const key = `key:${i}`
    for (const { place } of places) expect(servers(8)).toContain(place(key))
    expect(ketama!(key)).toBe(hashring!(key))
  }
})

it('a work that does twice as much is half as fast as the bare one', async () => {
  const spin = (ms: number) => async () => {
    for (const end = performance.now() + ms; performance.now() < end;);
  }
  const [, twice] = await inRounds(
    [
      { name: 'bare', bare: 'bare', run: spin(1) },
      { name: 'twice', bare: 'bare', run: spin(2) },
    ],
    { inFlight: 2, operations: 20, rounds: 5 },
  )
  expect(twice!.ratio).toBeGreaterThan(0.33)
  expect(twice!.ratio).toBeLessThan(0.75)
})

it('a goal compares with the best of the others, and says whether it is met', async () => {
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

it('results become a picture, also where one never answered', async () => {
  const svg = await picture(scenarios[0]!, {
    shown: 'ms',
    better: 'less',
    rows: [
      { name: '@cache/aside', ms: 3 },
      { name: 'another', ms: 'none' },
    ],
  })
  expect(svg).toMatch(/^<svg/)
  expect(svg).toContain('@cache/aside')
  expect(svg).toContain('none')
})
