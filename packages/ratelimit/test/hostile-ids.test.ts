import fc from 'fast-check'
import { InvalidKeyError, createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
} from '../src/index.js'
import { keysWithoutTtl, onEveryServer } from './matrix.js'

onEveryServer(({ newClient, keys }) => {
  const limits = [
    slidingWindow({ name: 'a', limit: 2, window: '1h' }),
    gcra({ name: 'b', limit: 50, window: '1h' }),
    concurrency({ name: 'c', limit: 9, ttl: '10s' }),
  ]
  const make = (prefix: string, client: CacheClient = newClient()) =>
    createRateLimiter({ client, prefix, limits, deadline: '10s', onOutage: 'deny' })

  it('limits ids separately although they look like each other or like keys', async () => {
    const limiter = make('api')
    const ids = [
      'a',
      'a:b',
      ['a', 'b'],
      'a%3Ab',
      '{a}',
      'a}',
      '{',
      'a:log',
      'a:a:log',
      ['a', 'a', 'log'],
      'refund~x',
      '0',
      '-0',
      ' ',
      'A',
      'ä',
      'a\u0308',
      '💥',
      '__proto__',
      'constructor',
      '*',
      '../b',
      "'; return 1 --",
    ]
    for (const id of ids) {
      for (const allowed of [true, true, false]) {
        const decision = await limiter.consume(id)
        expect(decision.allowed).toBe(allowed)
        await decision.release()
      }
    }
    expect((await keys()).every((key) => /^shop:api:[^{]*\{shop:api:/.test(key))).toBe(true)
  })

  it('limits ids separately under a prefix with a hash tag', async () => {
    const limiter = make('{eu}:api')
    const ids = ['a', ['a', 'a'], ['a', 'log'], ['a', 'a', 'log'], 'a:log', ['a', 'refund~x']]
    for (const id of ids) expect(await limiter.consumeUpTo(id, 5)).toMatchObject({ granted: 2 })
    expect((await keys()).every((key) => key.startsWith('shop:{eu}:api:'))).toBe(true)
  })

  it('limits any string as itself, or rejects it', async () => {
    const client = newClient()
    let prefixes = 0
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(
          fc.oneof(
            fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
            fc.stringMatching(/^[a:{}%~.*]{1,6}$/),
          ),
          { minLength: 2, maxLength: 8 },
        ),
        async (ids) => {
          const limiter = make(`any${++prefixes}`, client)
          const granted = await Promise.all(
            ids.map(async (id) => {
              try {
                return (await limiter.consumeUpTo(id, 5)).granted
              } catch (error) {
                expect(error).toBeInstanceOf(InvalidKeyError)
                return 2
              }
            }),
          )
          expect(new Set(granted)).toEqual(new Set([2]))
        },
      ),
      { numRuns: 40 },
    )
  })
})

it('begins anew with a key whose value is not a state, and always sets a ttl', async () => {
  await using server = await startRedis()
  const redis = new Redis(server.url)
  const client = createCacheClient(ioredisDriver(redis))
  const limits = [
    fixedWindow({ name: 'f', limit: 2, window: '1h' }),
    slidingCounter({ name: 'c', limit: 2, window: '1h' }),
    tokenBucket({ name: 'b', capacity: 2, refill: 2, interval: '1h' }),
  ]
  const limiter = createRateLimiter({
    client,
    prefix: 'p',
    limits,
    deadline: '10s',
    onOutage: 'deny',
  })
  for (const [i, value] of ['', 'x', '1', '1 2 3 4 5 6', '-1 -1', 'nan inf', '\0\0'].entries()) {
    for (const key of [`p:{p:${i}}:f:fixed`, `p:{p:${i}}:c:counter`, `p:{p:${i}}:b:bucket`])
      await redis.set(key, value)
    const decision = await limiter.consume(i)
    expect(decision).toMatchObject({ allowed: true, degraded: false, remaining: 1 })
    expect(await limiter.refund(decision)).toBe(true)
  }
  expect(await keysWithoutTtl(client)).toEqual([])
  await client.close()
  redis.disconnect()
})
