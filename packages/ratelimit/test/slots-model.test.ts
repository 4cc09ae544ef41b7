import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { concurrency } from '../src/index.js'
import { decideArgs, limitArg, limitScripts, type LimitScripts } from '../src/limit-scripts.js'
import { releaseScript, renewScript } from '../src/scripts.js'
import { ManualClock, withClock } from './manual-clock.js'

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

/** The slots of a concurrency limit, with BigInt: the holder of each, and when it expires. */
class SlotsModel {
  readonly #expiries = new Map<string, bigint>()
  constructor(
    readonly limit: bigint,
    readonly ttl: bigint,
  ) {}

  /** Returns when each held slot expires, in ascending order. */
  heldUntil(at: bigint): bigint[] {
    return [...this.#expiries.values()]
      .filter((expiry) => expiry > at)
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  }

  take(token: string, at: bigint): boolean {
    if (BigInt(this.heldUntil(at).length) >= this.limit) return false
    this.#expiries.set(token, at + this.ttl)
    return true
  }

  renew(token: string, at: bigint): boolean {
    const held = (this.#expiries.get(token) ?? 0n) > at
    if (held) this.#expiries.set(token, at + this.ttl)
    else this.#expiries.delete(token)
    return held
  }

  release(token: string, at: bigint): boolean {
    const held = (this.#expiries.get(token) ?? 0n) > at
    this.#expiries.delete(token)
    return held
  }
}

type Step =
  | { readonly do: 'advance'; readonly ttls: number; readonly micros: number }
  | { readonly do: 'advance to ready'; readonly offset: number }
  | { readonly do: 'take' | 'peek' }
  | { readonly do: 'renew' | 'release'; readonly index: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ttls: fc.constantFrom(0, 0, 0.1, 0.5, 0.9, 1),
      micros: fc.integer({ min: 0, max: 1_500 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('advance to ready' as const),
      offset: fc.constantFrom(-1, 0, 1),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('peek' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('renew' as const, 'release' as const),
      index: fc.nat({ max: 30 }),
    }),
  },
)

let sequences = 0

async function compare(limit: number, ttl: number, sequence: readonly Step[]): Promise<void> {
  const clock = new ManualClock()
  const clientWithClock = withClock(clock, client)
  const slots = concurrency({ name: 'a', limit, ttl })
  const scripts = limitScripts([slots])
  const key = `{slots${++sequences}}:a`
  const slotTtl = String(ttl * 1_000)
  const model = new SlotsModel(BigInt(limit), BigInt(ttl) * 1_000n)
  const taken: string[] = []
  let readyAt = clock.micros
  for (const [id, current] of sequence.entries()) {
    if (current.do === 'advance')
      clock.micros += Math.floor(current.ttls * ttl * 1_000) + current.micros
    else if (current.do === 'advance to ready')
      clock.micros = Math.max(clock.micros, readyAt + current.offset)
    const now = BigInt(clock.micros)
    const decide = (decider: LimitScripts['decide'], token: string) =>
      clientWithClock.run(
        decider,
        [key],
        decideArgs(token, { minCost: 1, maxCost: 1 }, [limitArg(slots)]),
      )
    if (current.do === 'take' || current.do === 'peek') {
      const taking = current.do === 'take'
      const before = model.heldUntil(now)
      const verdict = await decide(taking ? scripts.decide : scripts.peek, `t.${id}`)
      const granted = taking ? model.take(`t.${id}`, now) : before.length < limit
      expect(verdict.granted).toBe(granted ? 1 : 0)
      if (taking && granted) taken.push(`t.${id}`)
      const held = model.heldUntil(now)
      const state = verdict.limits[0]!
      expect(state.available).toBe(limit - held.length)
      expect(BigInt(state.fullAfter)).toBe((held.at(-1) ?? now) - now)
      expect(BigInt(state.readyAfter)).toBe(granted ? 0n : before[before.length - limit]! - now)
      if (!granted) readyAt = clock.micros + state.readyAfter
    } else if ((current.do === 'renew' || current.do === 'release') && taken.length > 0) {
      const token = taken[current.index % taken.length]!
      if (current.do === 'renew')
        expect(await clientWithClock.run(renewScript, [key], [token, slotTtl])).toBe(
          model.renew(token, now),
        )
      else {
        expect(await clientWithClock.run(releaseScript, [key], [token, '10000000', slotTtl])).toBe(
          model.release(token, now) ? 1 : 0,
        )
        // The attempt that took the slot arrives again. It takes no slot any more.
        await decide(scripts.decide, token)
      }
    }
    expect(await redis.pttl(key)).not.toBe(-1)
  }
  await redis.del(key, `${key}:released`)
}

it(
  `concurrency: slots behave like their BigInt model in ${RUNS} random sequences`,
  { timeout: 3_600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.oneof(fc.integer({ min: 100, max: 300 }), fc.integer({ min: 301, max: 60_000 })),
        fc.array(step, { minLength: 5, maxLength: 40 }),
        compare,
      ),
      { numRuns: RUNS },
    )
  },
)
