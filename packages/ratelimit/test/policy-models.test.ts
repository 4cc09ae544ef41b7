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
import {
  decideArgs,
  limitArg,
  limitScripts,
  type LimitScripts,
  type Verdict,
} from '../src/limit-scripts.js'
import { ManualClock, EXTRA_TTL, withClock } from './manual-clock.js'
import { BucketModel, modelOf, type Model } from './policy-models.js'

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
const windowOptions = fc.record({ limit, window })
const largeOptions = fc.record({
  limit: fc.integer({ min: 100, max: 10_000 }),
  window: fc.constantFrom(1_000, 3_600_000, 86_400_000),
})
const policies: Record<string, fc.Arbitrary<(name: string) => Limit>> = {
  slidingWindow: windowOptions.map(
    (options) => (name: string) => slidingWindow({ name, ...options }),
  ),
  slidingCounter: fc
    .oneof(windowOptions, largeOptions)
    .map((options) => (name: string) => slidingCounter({ name, ...options })),
  fixedWindow: windowOptions.map((options) => (name: string) => fixedWindow({ name, ...options })),
  tokenBucket: fc
    .record({ capacity: limit, refill: limit, interval: window })
    .map((options) => (name: string) => tokenBucket({ name, ...options })),
  gcra: fc
    .record({ limit: fc.integer({ min: 1, max: 10_007 }), window, burst: limit })
    .map((options) => (name: string) => gcra({ name, ...options })),
}
const severalPolicies = fc.array(fc.oneof(...Object.values(policies)), {
  minLength: 2,
  maxLength: 4,
})

/** A step of a random sequence. A `repeated refund` is sent twice. */
type Step =
  | { readonly do: 'advance'; readonly windows: number; readonly micros: number }
  | { readonly do: 'advance to ready'; readonly offset: number }
  | { readonly do: 'consume' | 'peek'; readonly cost: number }
  | { readonly do: 'consumeUpTo'; readonly most: number; readonly spendWithin: number }
  | { readonly do: 'reserve'; readonly cost: number; readonly maxWait: number }
  | { readonly do: 'refund' | 'repeated refund'; readonly index: number }
  | { readonly do: 'change limits'; readonly index: number }

const cost = fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 40 }))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      windows: fc.constantFrom(0, 0, 0, 0.1, 0.5, 0.9, 1, 2),
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
  { weight: 8, arbitrary: fc.record({ do: fc.constant('consume' as const), cost }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('peek' as const), cost }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('consumeUpTo' as const),
      most: cost,
      spendWithin: fc.constantFrom(0, 0, 1, 700, 20_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      cost,
      maxWait: fc.constantFrom(1, 5_000, 10_000_000_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('refund' as const, 'repeated refund' as const),
      index: fc.nat({ max: 30 }),
    }),
  },
)
const steps = fc.array(step, { minLength: 5, maxLength: 30 })
const changeLimits = fc.record({
  do: fc.constant('change limits' as const),
  index: fc.nat({ max: 2 }),
})
const stepsWithChanges = fc.array(
  fc.oneof({ weight: 6, arbitrary: step }, { weight: 2, arbitrary: changeLimits }),
  { minLength: 5, maxLength: 60 },
)

/** For each policy: limits that can take the place of each other. */
const plans: Record<string, fc.Arbitrary<readonly Limit[]>> = {
  slidingWindow: plansOf((limit, window) => slidingWindow({ limit, window })),
  slidingCounter: plansOf((limit, window) => slidingCounter({ limit, window })),
  fixedWindow: plansOf((limit, window) => fixedWindow({ limit, window })),
  tokenBucket: fc.array(
    fc
      .record({ capacity: limit, refill: limit, interval: window })
      .map((options) => tokenBucket(options)),
    { minLength: 2, maxLength: 3 },
  ),
  gcra: fc.array(
    fc
      .record({ limit: fc.integer({ min: 1, max: 10_007 }), window, burst: limit })
      .map((options) => gcra(options)),
    { minLength: 2, maxLength: 3 },
  ),
}

function plansOf(make: (limit: number, window: number) => Limit): fc.Arbitrary<readonly Limit[]> {
  return fc
    .record({ window, limits: fc.array(limit, { minLength: 2, maxLength: 3 }) })
    .map(({ window, limits }) => limits.map((limit) => make(limit, window)))
}

interface Charged {
  readonly limits: readonly Limit[]
  readonly id: number
  readonly granted: number
  readonly at: number
  readonly marks: readonly number[]
  refunded: boolean
}

let sequences = 0
let refundCalls = 0

/**
 * Runs the steps with the scripts and with the models, and compares all results. With `expiring`,
 * keys are deleted when their ttl has passed by the manual clock.
 */
async function compare(
  firstLimits: readonly Limit[],
  sequence: readonly Step[],
  expiring: boolean,
  otherLimits: readonly (readonly Limit[])[] = [],
): Promise<void> {
  let limits = firstLimits
  const startedAt = performance.now()
  const clock = new ManualClock()
  const clientWithClock = withClock(clock, client)
  const hashTag = `{w${++sequences}}`
  const keys = limits.map(({ name, script }) => `${hashTag}:${name}:${script[0]}`)
  const models = limits.map(modelOf)
  const scripts = limitScripts(limits)
  const charges: Charged[] = []
  const expiry = new Map<string, number>()
  let readyAt = clock.micros

  for (const [id, current] of sequence.entries()) {
    if (current.do === 'advance')
      clock.micros += Math.floor(current.windows * limits[0]!.window * 1_000) + current.micros
    else if (current.do === 'advance to ready')
      clock.micros = Math.max(clock.micros, readyAt + current.offset)
    else if (current.do === 'change limits') {
      limits = [firstLimits, ...otherLimits][current.index % (1 + otherLimits.length)]!
      for (const [i, model] of models.entries()) model.use(limits[i]!)
    }
    const maxCost = Math.min(...limits.map(({ limit }) => limit))
    if (expiring) await deleteExpired()
    if (current.do === 'consume' || current.do === 'peek') {
      const cost = Math.min(current.cost, maxCost)
      await decide(current.do === 'peek' ? scripts.peek : scripts.decide, id, cost, cost)
    } else if (current.do === 'consumeUpTo')
      await decide(scripts.decide, id, 1, current.most, current.spendWithin)
    else if (current.do === 'reserve') {
      const cost = Math.min(current.cost, maxCost)
      await decide(scripts.decide, id, cost, cost, 0, current.maxWait)
    } else if (
      (current.do === 'refund' || current.do === 'repeated refund') &&
      charges.length > 0
    ) {
      const charge = charges[current.index % charges.length]!
      await refund(charge)
      if (current.do === 'repeated refund') await refund(charge)
    }
    await checkTtls()
  }
  await redis.del(...keys)

  async function decide(
    script: LimitScripts['decide'],
    id: number,
    minCost: number,
    maxCost: number,
    spendWithin = 0,
    maxWait = 0,
  ): Promise<Verdict> {
    const request = { minCost, maxCost, spendWithin, maxWait }
    const args = decideArgs(`t.${id}`, request, limits.map(limitArg))
    let verdict = await clientWithClock.run(script, keys, args)
    if (script === scripts.decide && id % 3 === 0) {
      // The attempt arrives again: it gets the same answer, and the models are not charged for it.
      const repeated = await clientWithClock.run(script, keys, args)
      if (verdict.granted > 0 && verdict.wait === 0)
        expect(repeated).toMatchObject({
          granted: verdict.granted,
          limits: verdict.limits.map(({ available, readyAfter }) => ({ available, readyAfter })),
        })
      else if (spendWithin === 0)
        expect(repeated).toMatchObject({ granted: verdict.granted, wait: verdict.wait })
      if (verdict.granted > 0 && spendWithin === 0)
        verdict = {
          ...verdict,
          limits: verdict.limits.map((limit, i) => ({ ...limit, mark: repeated.limits[i]!.mark })),
        }
    }
    const now = BigInt(clock.micros)
    const [least, most] = [BigInt(minCost), BigInt(maxCost)]
    const grant = (within: bigint): bigint => {
      let granted = most
      while (granted >= least && !models.every((model) => model.admits(now, granted, within)))
        granted--
      return granted >= least ? granted : 0n
    }
    let [granted, within, at] = [grant(BigInt(spendWithin)), BigInt(spendWithin), now]
    if (granted === 0n) {
      within = 0n
      granted = models.every((model) => model.admits(now, least, 0n)) ? least : 0n
    }
    const readyTimes = verdict.limits.map(({ readyAfter }) => now + BigInt(readyAfter))
    if (granted === 0n && verdict.wait > 0) {
      // The request got a turn: the first time at which all limits admit it.
      at = now + BigInt(verdict.wait)
      granted = least
      expect(verdict.wait).toBeLessThanOrEqual(maxWait)
      expect(models.every((model) => model.admits(at, least, 0n))).toBe(true)
      expect(models.every((model) => model.admits(at - 1n, least, 0n))).toBe(false)
    } else if (granted === 0n) {
      for (const [i, model] of models.entries()) expectEarliest(model, now, readyTimes[i]!, least)
      expect(readyTimes.some((ready) => ready - now > BigInt(maxWait))).toBe(true)
    }
    expect({ granted: verdict.granted, wait: verdict.wait }).toEqual({
      granted: Number(granted),
      wait: Number(at - now),
    })
    if (granted > 0n && script === scripts.decide) {
      const clipped = models.reduce((shortest, model) => {
        const own = model.clip(at, within)
        return own < shortest ? own : shortest
      }, within)
      expect(verdict.spendWithin).toBe(Number(clipped))
      // A limit before the one that shortens the time is charged with the longer time.
      let charging = within
      for (const model of models) {
        const own = model.clip(at, charging)
        model.charge(at, granted, charging, id, now)
        charging = own
      }
      charges.push({
        limits,
        id,
        granted: verdict.granted,
        at: verdict.now,
        marks: verdict.limits.map(({ mark }) => mark),
        refunded: false,
      })
    }
    for (const [i, model] of models.entries())
      expectState(model, limits[i]!, now, verdict.limits[i]!, at > now)
    if (granted === 0n) readyAt = Number(readyTimes.reduce(later, now))
    return verdict
  }

  async function refund(charge: Charged): Promise<void> {
    const args = [
      `t.${charge.id}`,
      String(charge.granted),
      String(charge.at),
      `call.${++refundCalls}`,
      ...charge.limits.flatMap(({ script }, i) => [...script, String(charge.marks[i])]),
    ]
    const call = (): Promise<boolean> =>
      clientWithClock.run(scripts.refund, [...keys, `${hashTag}:refund~t.${charge.id}`], args)
    const refunded = await call()
    expect(await call()).toBe(refunded) // The same call arrives again.
    const counts = models.map((model) => model.refund(BigInt(clock.micros), charge.id))
    expect(refunded).toBe(!charge.refunded && counts.includes(true))
    if (refunded) charge.refunded = true
    for (const model of models)
      if (model instanceof BucketModel) {
        const now = BigInt(clock.micros) * model.unitsPerMicro
        const arrival = later(model.arrival, now)
        const withoutRefunded = later(model.arrivalWithoutRefunded, now)
        expect(arrival >= withoutRefunded).toBe(true)
        const rounded = otherLimits.length > 0 ? model.refunds * model.unitsPerMicro : 0n
        if (model.exact) expect(arrival <= withoutRefunded + rounded).toBe(true)
      }
  }

  async function deleteExpired(): Promise<void> {
    for (const [key, at] of expiry)
      if (clock.micros >= at) {
        await redis.del(key)
        expiry.delete(key)
      }
  }

  async function checkTtls(): Promise<void> {
    const ttls = await Promise.all(keys.map((key) => redis.pttl(key)))
    expect(ttls).not.toContain(-1)
    // The part of the ttls that has passed while the manual clock stood still.
    const passed = Math.ceil(performance.now() - startedAt)
    if (expiring)
      for (const [i, ttl] of ttls.entries())
        if (ttl > 0) expiry.set(keys[i]!, clock.micros + (ttl - EXTRA_TTL + passed - 900) * 1_000)
  }
}

function expectEarliest(model: Model, now: bigint, ready: bigint, cost: bigint): void {
  expect(model.admits(ready, cost, 0n)).toBe(true)
  if (ready > now) expect(model.admits(ready - 1n, cost, 0n)).toBe(false)
}

function expectState(
  model: Model,
  { limit }: Limit,
  now: bigint,
  { available, fullAfter }: Verdict['limits'][0],
  reserved: boolean,
): void {
  if (!reserved) {
    expect(available === 0 || model.admits(now, BigInt(available), 0n)).toBe(true)
    if (available < limit) expect(model.admits(now, BigInt(available) + 1n, 0n)).toBe(false)
  }
  const fullAt = now + BigInt(fullAfter)
  expect(model.admits(fullAt, BigInt(limit), 0n)).toBe(true)
  if (fullAfter > 0) expect(model.admits(fullAt - 1n, BigInt(limit), 0n)).toBe(false)
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

describe.each(Object.keys(policies))('%s', (name) => {
  it(
    `decides like its BigInt model in ${RUNS} random sequences`,
    { timeout: 3_600_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(policies[name]!, steps, fc.boolean(), (make, sequence, expiring) =>
          compare([make('a')], sequence, expiring),
        ),
        { numRuns: RUNS },
      )
    },
  )

  it(
    `decides like its model in ${RUNS} random sequences in which the limit changes`,
    { timeout: 3_600_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(plans[name]!, stepsWithChanges, fc.boolean(), (limits, steps, expiring) =>
          compare(
            [limits[0]!],
            steps,
            expiring,
            limits.slice(1).map((limit) => [limit]),
          ),
        ),
        { numRuns: RUNS },
      )
    },
  )
})

it(
  `several limits together decide like their models in ${RUNS} random sequences`,
  { timeout: 3_600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(severalPolicies, steps, fc.boolean(), (makers, sequence, expiring) =>
        compare(
          makers.map((make, i) => make(`l${i}`)),
          sequence,
          expiring,
        ),
      ),
      { numRuns: RUNS },
    )
  },
)
