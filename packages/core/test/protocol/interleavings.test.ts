import fc from 'fast-check'
import { Redis } from 'ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ioredisDriver } from '../../src/drivers/ioredis/driver.js'
import { createCacheClient, type CacheClient } from '../../src/index.js'
import { World } from './world.js'

const WORLDS = 64
const RUNS = process.env.CHAOS ? 2_000 : 400

let server: RedisServer
let redis: Redis
let client: CacheClient

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  client = createCacheClient(ioredisDriver(redis), {
    resilience: { readTimeout: '10s', writeTimeout: '10s' },
  })
})

afterAll(async () => {
  await client.close()
  redis.disconnect()
  await server.stop()
})

/**
 * Who is on stage, and who acts next: mostly one of them, sometimes the clock or the memory of the
 * server. Small casts meet in the order that hurts far more often than large ones. An actor that is
 * never asked again has died.
 */
const interleaving = fc.record({
  cast: fc.subarray(['writer', 'writer', 'invalidator', 'reader', 'reader'] as const, {
    minLength: 2,
  }),
  picks: fc.array(fc.nat({ max: 999 }), { minLength: 8, maxLength: 40 }),
})
const batches = fc.array(interleaving, { minLength: WORLDS, maxLength: WORLDS })

let worlds = 0

async function play(
  {
    cast,
    picks,
  }: { cast: readonly ('writer' | 'invalidator' | 'reader')[]; picks: readonly number[] },
  versions: boolean,
): Promise<readonly string[]> {
  const world = new World(client, String(++worlds))
  const actors = cast.map((role) => world[role](versions))
  const others = [() => world.evict(), () => world.endLease(), () => world.endOldestIntent()]
  for (const pick of picks) {
    const i = pick % cast.length
    if (pick < 100) await others[pick % 3]!()
    // Who has come to an end begins again.
    else if ((await actors[i]!.next()).done) actors[i] = world[cast[i]!](versions)
  }
  return world.violations
}

describe(
  `the real scripts, in ${WORLDS * RUNS} random interleavings of writers, invalidators, readers, evictions, expiries and deaths`,
  { timeout: 600_000 },
  () => {
    it.each([{ versions: false }, { versions: true }])(
      'never let a read return less than was settled before it began ($versions)',
      async ({ versions }) => {
        await fc.assert(
          fc.asyncProperty(batches, async (all) => {
            const violations = await Promise.all(all.map((picks) => play(picks, versions)))
            expect(violations.flat()).toEqual([])
          }),
          { numRuns: RUNS },
        )
      },
    )
  },
)
