import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { concurrency } from '../src/index.js'
import { decideScript, peekScript, releaseScript, renewScript } from '../src/scripts.js'
import { FedClock, fedBy } from './fed-clock.js'

const RUNS = process.env.CHAOS ? 10_000 : 250

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

/** Who holds a slot, and the µs at which each ends. */
class Slots {
  readonly #ends = new Map<string, bigint>()
  constructor(
    readonly limit: bigint,
    readonly ttl: bigint,
  ) {}

  /** When each of those that are held ends, the first one first. */
  held(at: bigint): bigint[] {
    return [...this.#ends.values()]
      .filter((end) => end > at)
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  }

  take(token: string, at: bigint): boolean {
    if (BigInt(this.held(at).length) >= this.limit) return false
    this.#ends.set(token, at + this.ttl)
    return true
  }

  renew(token: string, at: bigint): boolean {
    const held = (this.#ends.get(token) ?? 0n) > at
    if (held) this.#ends.set(token, at + this.ttl)
    else this.#ends.delete(token)
    return held
  }

  release(token: string, at: bigint): boolean {
    const held = (this.#ends.get(token) ?? 0n) > at
    this.#ends.delete(token)
    return held
  }
}

type Step =
  | { readonly do: 'pass'; readonly share: number; readonly micros: number }
  | { readonly do: 'ready'; readonly off: number }
  | { readonly do: 'take' | 'peek' }
  | { readonly do: 'renew' | 'release'; readonly which: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      share: fc.constantFrom(0, 0, 0.1, 0.5, 0.9, 1),
      micros: fc.integer({ min: 0, max: 1_500 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('ready' as const), off: fc.constantFrom(-1, 0, 1) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('peek' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('renew' as const, 'release' as const),
      which: fc.nat({ max: 30 }),
    }),
  },
)

let worlds = 0

it(
  `concurrency: slots are taken, renewed, released and end as their model in BigInt has it, in ${RUNS} random sequences`,
  { timeout: 3_600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.oneof(fc.integer({ min: 100, max: 300 }), fc.integer({ min: 301, max: 60_000 })),
        fc.array(step, { minLength: 5, maxLength: 40 }),
        async (limit, ttl, steps) => {
          const clock = new FedClock()
          const fed = fedBy(clock, client)
          const { script } = concurrency({ name: 'a', limit, ttl })
          const key = `{slots${++worlds}}:a`
          const model = new Slots(BigInt(limit), BigInt(ttl) * 1_000n)
          const taken: string[] = []
          let next = clock.micros
          for (const [id, one] of steps.entries()) {
            if (one.do === 'pass') clock.micros += Math.floor(one.share * ttl * 1_000) + one.micros
            else if (one.do === 'ready') clock.micros = Math.max(clock.micros, next + one.off)
            const now = BigInt(clock.micros)
            if (one.do === 'take' || one.do === 'peek') {
              const before = model.held(now)
              const state = await fed.run(
                one.do === 'take' ? decideScript : peekScript,
                [key],
                [`t.${id}`, '1', '1', '0', '0', ...script],
              )
              const granted = one.do === 'take' ? model.take(`t.${id}`, now) : before.length < limit
              expect(state.granted).toBe(granted ? 1 : 0)
              if (one.do === 'take' && granted) taken.push(`t.${id}`)
              const held = model.held(now)
              const said = state.limits[0]!
              expect(said.available).toBe(limit - held.length)
              expect(BigInt(said.full)).toBe((held.at(-1) ?? now) - now)
              expect(BigInt(said.ready)).toBe(granted ? 0n : before[before.length - limit]! - now)
              if (!granted) next = clock.micros + said.ready
            } else if ((one.do === 'renew' || one.do === 'release') && taken.length > 0) {
              const token = taken[one.which % taken.length]!
              if (one.do === 'renew')
                expect(await fed.run(renewScript, [key], [token, String(ttl * 1_000)])).toBe(
                  model.renew(token, now),
                )
              else {
                expect(
                  await fed.run(releaseScript, [key], [token, '10000000', String(ttl * 1_000)]),
                ).toBe(model.release(token, now) ? 1 : 0)
                // What took it comes again: it takes no slot any more.
                await fed.run(decideScript, [key], [token, '1', '1', '0', '0', ...script])
              }
            }
            expect(await redis.pttl(key)).not.toBe(-1)
          }
          await redis.del(key, `${key}:released`)
        },
      ),
      { numRuns: RUNS },
    )
  },
)
