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
 * The actors of a world, and the order of their steps. A pick is mostly the next step of an actor,
 * sometimes an expiry or an eviction. A few actors reach a harmful order far more often than many.
 * An actor that is not picked again has died.
 */
const interleaving = fc.record({
  roles: fc.subarray(['writer', 'writer', 'invalidator', 'reader', 'reader'] as const, {
    minLength: 2,
  }),
  picks: fc.array(fc.nat({ max: 999 }), { minLength: 8, maxLength: 40 }),
})
const batches = fc.array(interleaving, { minLength: WORLDS, maxLength: WORLDS })

let worlds = 0

async function run(
  {
    roles,
    picks,
  }: { roles: readonly ('writer' | 'invalidator' | 'reader')[]; picks: readonly number[] },
  versions: boolean,
): Promise<readonly string[]> {
  const world = new World(client, String(++worlds))
  const actors = roles.map((role) => world[role](versions))
  const serverSteps = [() => world.evict(), () => world.endLease(), () => world.endOldestIntent()]
  for (const pick of picks) {
    const i = pick % roles.length
    if (pick < 100) await serverSteps[pick % 3]!()
    // An actor that has finished starts again.
    else if ((await actors[i]!.next()).done) actors[i] = world[roles[i]!](versions)
  }
  return world.violations
}

// The actors are writers, invalidators and readers.
describe(
  `the real scripts, in ${WORLDS * RUNS} random interleavings of actors, expiries and deaths`,
  { timeout: 600_000 },
  () => {
    it.each([{ versions: false }, { versions: true }])(
      'never let a read return less than was settled before it began (versions: $versions)',
      async ({ versions }) => {
        await fc.assert(
          fc.asyncProperty(batches, async (all) => {
            const violations = await Promise.all(
              all.map((interleaved) => run(interleaved, versions)),
            )
            expect(violations.flat()).toEqual([])
          }),
          { numRuns: RUNS },
        )
      },
    )
  },
)
