import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createAside } from '../src/index.js'

const RUNS = process.env.CHAOS ? 20_000 : 1_500

let server: RedisServer
const open: { client: CacheClient; redis: Redis }[] = []
beforeAll(async () => {
  server = await startRedis()
  for (let i = 0; i < 2; i++) {
    const redis = new Redis(server.url)
    open.push({
      redis,
      client: createCacheClient(ioredisDriver(redis), {
        resilience: { readTimeout: '10s', writeTimeout: '10s' },
      }),
    })
  }
})
afterAll(async () => {
  for (const { client, redis } of open) {
    await client.close()
    redis.disconnect()
  }
  await server.stop()
})

const step = fc.record({
  process: fc.nat({ max: 1 }),
  act: fc.constantFrom('read', 'read', 'read', 'mutate', 'invalidate' as const),
})
let runs = 0

it(
  `no caller that joins a load gets a replaced value (${RUNS} random schedules)`,
  { timeout: 900_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(step, { minLength: 3, maxLength: 10 }),
        fc.constantFrom('lease', 'process' as const),
        async (scheduler, steps, stampede) => {
          const id = String(++runs)
          const caches = open.map(({ client }) =>
            createAside<number>({ client, prefix: 'join', ttl: '1h', stampede, waitFor: '20ms' }),
          )
          const pause = (label: string) => scheduler.schedule(Promise.resolve(), label)
          let source = 0
          let settled = 0
          const stale: string[] = []

          const actors = steps.map(async ({ process, act }, i) => {
            const cache = caches[process]!
            await pause(`${i} ${act} begins`)
            if (act === 'read') {
              const floor = settled
              const got = await cache.getOrLoad(id, async () => {
                const row = source
                await pause(`${i} has loaded ${row}`)
                return row
              })
              if (got < floor)
                stale.push(`${i} read ${got} though ${floor} was acknowledged before`)
              return
            }
            let wrote = 0
            if (act === 'mutate')
              await cache.mutate(id, async () => {
                wrote = ++source
                await pause(`${i} has written`)
              })
            else {
              wrote = ++source
              await pause(`${i} has written`)
              await cache.invalidate(id)
            }
            settled = Math.max(settled, wrote)
          })
          await scheduler.waitFor(Promise.all(actors))
          expect(stale).toEqual([])
        },
      ),
      { numRuns: RUNS },
    )
  },
)
