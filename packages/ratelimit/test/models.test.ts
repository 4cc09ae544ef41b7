import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Limit,
} from '../src/index.js'
import { decideScript, peekScript, refundScript, type Verdict } from '../src/scripts.js'
import { FedClock, LONGER, fedBy } from './fed-clock.js'
import { Bucket, modelOf, type Model } from './models.js'

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

const limit = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40 }))
const window = fc.oneof(
  fc.integer({ min: 1, max: 10 }),
  fc.integer({ min: 11, max: 3_000 }),
  fc.constantFrom(60_000, 86_400_000),
)
const windowed = fc.record({ limit, window })
const large = fc.record({
  limit: fc.integer({ min: 100, max: 10_000 }),
  window: fc.constantFrom(1_000, 3_600_000, 86_400_000),
})
const policies: Record<string, fc.Arbitrary<(name: string) => Limit>> = {
  slidingWindow: windowed.map((options) => (name: string) => slidingWindow({ name, ...options })),
  slidingCounter: fc
    .oneof(windowed, large)
    .map((options) => (name: string) => slidingCounter({ name, ...options })),
  fixedWindow: windowed.map((options) => (name: string) => fixedWindow({ name, ...options })),
  tokenBucket: fc
    .record({ capacity: limit, refill: limit, interval: window })
    .map((options) => (name: string) => tokenBucket({ name, ...options })),
  gcra: fc
    .record({ limit: fc.integer({ min: 1, max: 10_007 }), window, burst: limit })
    .map((options) => (name: string) => gcra({ name, ...options })),
}
const several = fc.array(fc.oneof(...Object.values(policies)), { minLength: 2, maxLength: 4 })

type Step =
  | { readonly do: 'pass'; readonly share: number; readonly micros: number }
  | { readonly do: 'ready'; readonly off: number }
  | { readonly do: 'consume' | 'peek'; readonly cost: number }
  | { readonly do: 'upTo'; readonly most: number; readonly hold: number }
  | { readonly do: 'reserve'; readonly cost: number; readonly patience: number }
  | { readonly do: 'refund' | 'again'; readonly which: number }

const cost = fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 40 }))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      share: fc.constantFrom(0, 0, 0, 0.1, 0.5, 0.9, 1, 2),
      micros: fc.integer({ min: 0, max: 1_500 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('ready' as const), off: fc.constantFrom(-1, 0, 1) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('consume' as const), cost }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('peek' as const), cost }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('upTo' as const),
      most: cost,
      hold: fc.constantFrom(0, 0, 1, 700, 20_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      cost,
      patience: fc.constantFrom(1, 5_000, 10_000_000_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('refund' as const, 'again' as const),
      which: fc.nat({ max: 30 }),
    }),
  },
)

let worlds = 0
let calls = 0

/** Runs the steps on the scripts and on the models, and compares all they say. */
async function compare(
  limits: readonly Limit[],
  steps: readonly Step[],
  expiring: boolean,
): Promise<void> {
  const started = performance.now()
  const clock = new FedClock()
  const fed = fedBy(clock, client)
  const world = `{w${++worlds}}`
  const keys = limits.map(({ name, script }) => `${world}:${name}:${script[0]}`)
  const args = limits.flatMap(({ script }) => script)
  const models = limits.map(modelOf)
  const charged: { id: number; granted: number; at: number; marks: number[]; refunded: boolean }[] =
    []
  const most = Math.min(...limits.map((one) => one.limit))
  const expiry = new Map<string, number>()
  let next = clock.micros

  const ask = async (
    script: typeof decideScript,
    id: number,
    min: number,
    max: number,
    hold = 0,
    patience = 0,
  ): Promise<Verdict> => {
    const request = [`t.${id}`, String(min), String(max), String(hold), String(patience), ...args]
    let verdict = await fed.run(script, keys, request)
    if (script === decideScript && id % 3 === 0) {
      // It comes again: it is told the same, and the models know of one.
      const again = await fed.run(script, keys, request)
      if (verdict.granted > 0 && verdict.wait === 0)
        expect(again).toMatchObject({
          granted: verdict.granted,
          limits: verdict.limits.map(({ available, ready }) => ({ available, ready })),
        })
      else if (hold === 0)
        expect(again).toMatchObject({ granted: verdict.granted, wait: verdict.wait })
      if (verdict.granted > 0 && hold === 0)
        verdict = {
          ...verdict,
          limits: verdict.limits.map((one, i) => ({ ...one, mark: again.limits[i]!.mark })),
        }
    }
    const now = BigInt(clock.micros)
    const [least, wanted] = [BigInt(min), BigInt(max)]
    const grant = (held: bigint): bigint => {
      let granted = wanted
      while (granted >= least && !models.every((model) => model.admits(now, granted, held)))
        granted--
      return granted >= least ? granted : 0n
    }
    let [granted, held, at] = [grant(BigInt(hold)), BigInt(hold), now]
    if (granted === 0n) {
      held = 0n
      granted = models.every((model) => model.admits(now, least, 0n)) ? least : 0n
    }
    const readies = verdict.limits.map(({ ready }) => now + BigInt(ready))
    if (granted === 0n && verdict.wait > 0) {
      // It was given a turn: the first at which all limits admit it.
      at = now + BigInt(verdict.wait)
      granted = least
      expect(verdict.wait).toBeLessThanOrEqual(patience)
      expect(models.every((model) => model.admits(at, least, 0n))).toBe(true)
      expect(models.every((model) => model.admits(at - 1n, least, 0n))).toBe(false)
    } else if (granted === 0n) {
      for (const [i, model] of models.entries()) expectEarliest(model, now, readies[i]!, least)
      expect(readies.some((ready) => ready - now > BigInt(patience))).toBe(true)
    }
    expect({ granted: verdict.granted, wait: verdict.wait }).toEqual({
      granted: Number(granted),
      wait: Number(at - now),
    })
    if (granted > 0n && script === decideScript) {
      const clipped = models.reduce((least, model) => {
        const own = model.clip(at, held)
        return own < least ? own : least
      }, held)
      expect(verdict.hold).toBe(Number(clipped))
      // A limit before the one that shortens the hold has counted with the longer one.
      let counting = held
      for (const model of models) {
        const own = model.clip(at, counting)
        model.charge(at, granted, counting, id, now)
        counting = own
      }
      charged.push({
        id,
        granted: verdict.granted,
        at: verdict.now,
        marks: verdict.limits.map(({ mark }) => mark),
        refunded: false,
      })
    }
    for (const [i, model] of models.entries())
      expectState(model, limits[i]!, now, verdict.limits[i]!, at > now)
    if (granted === 0n) next = Number(readies.reduce((a, b) => (a > b ? a : b), now))
    return verdict
  }

  const refund = async (one: (typeof charged)[0]): Promise<void> => {
    const receipt = [
      `t.${one.id}`,
      String(one.granted),
      String(one.at),
      `call.${++calls}`,
      ...limits.flatMap(({ script }, i) => [...script, String(one.marks[i])]),
    ]
    const given = await fed.run(refundScript, [...keys, `${world}:refund~t.${one.id}`], receipt)
    expect(await fed.run(refundScript, [...keys, `${world}:refund~t.${one.id}`], receipt)).toBe(
      given,
    ) // it comes again
    const counts = models.map((model) => model.refund(BigInt(clock.micros), one.id))
    expect(given).toBe(!one.refunded && counts.includes(true))
    if (given) one.refunded = true
    const now = BigInt(clock.micros)
    for (const model of models)
      if (model instanceof Bucket) {
        const [arrival, never] = [
          later(model.arrival, now * model.back),
          later(model.never, now * model.back),
        ]
        expect(arrival >= never).toBe(true)
        if (model.exact) expect(arrival).toBe(never)
      }
  }

  for (const [id, one] of steps.entries()) {
    if (one.do === 'pass')
      clock.micros += Math.floor(one.share * limits[0]!.window * 1_000) + one.micros
    else if (one.do === 'ready') clock.micros = Math.max(clock.micros, next + one.off)
    if (expiring) {
      for (const [key, at] of expiry)
        if (clock.micros >= at) {
          await redis.del(key)
          expiry.delete(key)
        }
    }
    if (one.do === 'consume')
      await ask(decideScript, id, Math.min(one.cost, most), Math.min(one.cost, most))
    else if (one.do === 'peek')
      await ask(peekScript, id, Math.min(one.cost, most), Math.min(one.cost, most))
    else if (one.do === 'upTo') await ask(decideScript, id, 1, one.most, one.hold)
    else if (one.do === 'reserve')
      await ask(
        decideScript,
        id,
        Math.min(one.cost, most),
        Math.min(one.cost, most),
        0,
        one.patience,
      )
    else if ((one.do === 'refund' || one.do === 'again') && charged.length > 0) {
      const which = charged[one.which % charged.length]!
      await refund(which)
      if (one.do === 'again') await refund(which)
    }
    const ttls = await Promise.all(keys.map((key) => redis.pttl(key)))
    expect(ttls).not.toContain(-1)
    // of the ttls, while the fed clock stood still
    const passed = Math.ceil(performance.now() - started)
    if (expiring)
      for (const [i, ttl] of ttls.entries())
        if (ttl > 0) expiry.set(keys[i]!, clock.micros + (ttl - LONGER + passed - 900) * 1_000)
  }
  await redis.del(...keys)
}

function expectEarliest(model: Model, now: bigint, ready: bigint, least: bigint): void {
  expect(model.admits(ready, least, 0n)).toBe(true)
  if (ready > now) expect(model.admits(ready - 1n, least, 0n)).toBe(false)
}

function expectState(
  model: Model,
  { limit }: Limit,
  now: bigint,
  { available, full }: Verdict['limits'][0],
  reserved: boolean,
): void {
  if (!reserved) {
    expect(available === 0 || model.admits(now, BigInt(available), 0n)).toBe(true)
    if (available < limit) expect(model.admits(now, BigInt(available) + 1n, 0n)).toBe(false)
  }
  expect(model.admits(now + BigInt(full), BigInt(limit), 0n)).toBe(true)
  if (full > 0) expect(model.admits(now + BigInt(full) - 1n, BigInt(limit), 0n)).toBe(false)
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

describe.each(Object.keys(policies))('%s', (name) => {
  it(
    `decides as its model in BigInt, in ${RUNS} random sequences`,
    { timeout: 3_600_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          policies[name]!,
          fc.array(step, { minLength: 5, maxLength: 30 }),
          fc.boolean(),
          (make, steps, expiring) => compare([make('a')], steps, expiring),
        ),
        { numRuns: RUNS },
      )
    },
  )
})

it(
  `several limits together decide as their models, in ${RUNS} random sequences`,
  { timeout: 3_600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        several,
        fc.array(step, { minLength: 5, maxLength: 30 }),
        fc.boolean(),
        (makes, steps, expiring) =>
          compare(
            makes.map((make, i) => make(`l${i}`)),
            steps,
            expiring,
          ),
      ),
      { numRuns: RUNS },
    )
  },
)
