import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createRateLimiter, fixedWindow, slidingWindow } from '@cache/ratelimit'
import { canSetClock, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serve } from '../serve.js'
import * as after from './after.js'
import * as before from './before.js'

let redis: RedisServer
beforeEach(async () => void (redis = await startRedis()))
afterEach(() => redis.stop())

const both = Object.entries({ before, after }).map(([name, program]) => ({ name, ...program }))
const isRight = async (_user: string, password: string) => password === 'right'

describe.each(both)('$name', ({ createService }) => {
  it('five failed logins are allowed, then the user is blocked in all processes', async () => {
    const services = [
      await createService(redis.url, isRight),
      await createService(redis.url, isRight),
    ]
    const http = await Promise.all(services.map(({ app }) => serve(app)))
    const login = (i: number, user: string, password: string) =>
      http[i % 2]!.send('POST', '/login', { user, password })

    for (let i = 0; i < 5; i++) expect((await login(i, 'ada', 'wrong')).status).toBe(401)
    const denied = await login(0, 'ada', 'wrong')
    expect(denied.status).toBe(429)
    expect(Number(denied.headers.get('retry-after'))).toBeGreaterThan(60) // blocked for 5 min
    const blocked = await login(1, 'ada', 'right')
    expect(blocked.status).toBe(429)
    expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThan(60)
    expect((await login(1, 'bob', 'wrong')).status).toBe(401)
    for (const running of http) await running[Symbol.asyncDispose]()
    for (const { close } of services) await close()
  })

  it('a right password resets the count', async () => {
    const service = await createService(redis.url, isRight)
    await using http = await serve(service.app)
    const login = async (password: string) =>
      (await http.send('POST', '/login', { user: 'ada', password })).status
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 3; i++) expect(await login('wrong')).toBe(401)
      expect(await login('right')).toBe(200)
    }
    await service.close()
  })

  it('failed logins are limited while Redis is down, in each process', async () => {
    const service = await createService(redis.url, isRight)
    await using http = await serve(service.app)
    await http.send('POST', '/login', { user: 'bob', password: 'wrong' })
    await redis.kill()
    const login = async () =>
      (await http.send('POST', '/login', { user: 'ada', password: 'wrong' })).status
    await expect.poll(login).toBe(401)
    await expect.poll(login).toBe(429)
    await redis.restart()
    await service.close()
  })
})

describe('what differs', () => {
  it('of 20 guesses at once, the old program checks all, and the new one five', async () => {
    const checked = async ({ createService }: typeof before | typeof after) => {
      let checks = 0
      let last!: () => void
      const all = new Promise<void>((resolve) => (last = resolve))
      const service = await createService(redis.url, async () => {
        if (++checks === 20) last()
        await Promise.race([all, sleep(2_000)]) // hashing a password takes time
        return false
      })
      await using http = await serve(service.app)
      const guesses = Array.from({ length: 20 }, (_, i) =>
        http.send('POST', '/login', { user: 'ada', password: `guess ${i}` }),
      )
      await Promise.all(guesses)
      await service.close()
      return checks
    }
    expect(await checked(before)).toBe(20)
    await redis.flush()
    expect(await checked(after)).toBe(5)
  })

  it.skipIf(!canSetClock())(
    'around the end of a window, the old limiter admits up to twice its points',
    async () => {
      await using server = await startRedis({ clock: true })
      const connection = new Redis(server.url)
      const client = createCacheClient(ioredisDriver(connection), { namespace: 'shop' })
      const flexible = new RateLimiterRedis({ storeClient: connection, points: 5, duration: 60 })
      const limiters = {
        flexible: () =>
          flexible.consume('id').then(
            () => true,
            () => false,
          ),
        fixed: allows(fixedWindow({ limit: 5, window: '1m' })),
        sliding: allows(slidingWindow({ limit: 5, window: '1m' })),
      }
      function allows(limit: ReturnType<typeof fixedWindow>) {
        const options = { client, prefix: limit.policy, limits: [limit], denyCache: false } as const
        const limiter = createRateLimiter(options)
        return async () => (await limiter.consume('id')).allowed
      }
      const admitted = { flexible: 0, fixed: 0, sliding: 0 }
      const consume = async (times: number) => {
        for (const [name, allow] of Object.entries(limiters))
          for (let i = 0; i < times; i++)
            if (await allow()) admitted[name as keyof typeof admitted]++
      }
      await consume(1)
      await server.setClock(55_000)
      await consume(5) // four more are left
      const early = { ...admitted }
      expect(early).toEqual({ flexible: 5, fixed: 5, sliding: 5 })
      await server.setClock(62_000)
      await consume(6)
      // Within these seven seconds (without the first request):
      expect(admitted.flexible - 1).toBe(9)
      expect(admitted.fixed - 1).toBe(9)
      expect(admitted.sliding - 1).toBe(5)
      await client.close()
      connection.disconnect()
    },
  )

  it('the old limiter charges a request that it denies, and ours does not', async () => {
    const connection = new Redis(redis.url)
    const client = createCacheClient(ioredisDriver(connection), { namespace: 'shop' })
    const flexible = new RateLimiterRedis({ storeClient: connection, points: 5, duration: 60 })
    await flexible.consume('id', 9).catch(() => undefined)
    await expect(flexible.consume('id', 1)).rejects.toMatchObject({ consumedPoints: 10 })
    const limits = [fixedWindow({ limit: 5, window: '1m' })]
    const limiter = createRateLimiter({ client, prefix: 'api', limits })
    expect(await limiter.consume('id', { cost: 9 })).toMatchObject({ allowed: false })
    expect(await limiter.consume('id', { cost: 5 })).toMatchObject({ allowed: true })
    await client.close()
    connection.disconnect()
  })

  it('their keys do not meet', async () => {
    for (const [name, { createService }] of Object.entries({ before, after })) {
      const service = await createService(redis.url, isRight)
      await using http = await serve(service.app)
      await http.send('POST', '/login', { user: 'ada', password: 'wrong' })
      const keys = String(await redis.cli('KEYS', '*')).split('\n')
      for (const key of keys) expect(key).toMatch(name === 'before' ? /^login:/ : /^shop:login:/)
      await service.close()
      await redis.flush()
    }
  })
})
