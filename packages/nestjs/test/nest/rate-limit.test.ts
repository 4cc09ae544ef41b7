import { concurrency, createRateLimiter, slidingWindow, tokenBucket } from '@cache/ratelimit'
import { startRedis, type RedisServer } from '@cache/testkit'
import {
  Controller,
  Get,
  HttpCode,
  Inject,
  Injectable,
  Post,
  Query,
  Req,
  Res,
  UseGuards,
  type ExecutionContext,
} from '@nestjs/common'
import { APP_GUARD } from '@nestjs/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  CacheModule,
  RateLimit,
  RateLimitException,
  RateLimitGuard,
  rateLimitGuard,
} from '../../src/index.js'
import { gate, impatient, libraries, patient, redisClient } from '../clients.js'
import { platforms, startApplication, type RunningApplication } from './application.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

const five = [slidingWindow({ name: 'five', limit: 5, window: '1m' })]
let waiting = gate()

// A process remembers ids that were denied, and the tests empty the server.
@RateLimit({ limiter: { prefix: 'class', limits: five, denyCache: false } })
@Controller()
class LimitedController {
  @Get('class')
  byClass(@Req() request: { rateLimit: { remaining: number } }) {
    return { remaining: request.rateLimit.remaining }
  }

  @Get('also-class')
  alsoByClass() {
    return {}
  }

  @RateLimit({
    limiter: { prefix: 'user', limits: [slidingWindow({ limit: 1, window: '1m' })] },
    key: (request: { query: { user: string } }) => request.query.user,
  })
  @UseGuards(RateLimitGuard)
  @Get('user')
  byUser() {
    return {}
  }

  @RateLimit(false)
  @Get('free')
  free() {
    return {}
  }

  @RateLimit({
    limiter: { prefix: 'login', limits: [tokenBucket({ capacity: 2, refill: 1, interval: '1h' })] },
    countWhen: (response: { statusCode: number }) => response.statusCode === 401,
  })
  @Post('login')
  @HttpCode(204)
  login() {
    return undefined
  }

  @RateLimit({ limiter: { prefix: 'slots', limits: [concurrency({ limit: 1, ttl: '1m' })] } })
  @Get('slot')
  async slot() {
    await waiting.opened
    return {}
  }

  @RateLimit({
    limiter: { prefix: 'custom', limits: [slidingWindow({ limit: 1, window: '1m' })] },
    onLimited: () => ({ status: 420, body: { calm: true } }),
    headers: false,
  })
  @Get('custom')
  custom() {
    return {}
  }

  @RateLimit({
    limiter: { prefix: 'strict', limits: five, onOutage: 'deny' },
  })
  @Get('strict')
  strict() {
    return {}
  }
}

@Controller()
class OpenController {
  @Get('default')
  byDefault(@Query('q') q: string) {
    return { q }
  }
}

describe.each(platforms)('RateLimitGuard on %s', (platform) => {
  describe.each(libraries)('and %s', (library) => {
    const start = (
      url: string,
      resilience: object,
      guard: typeof RateLimitGuard | ReturnType<typeof rateLimitGuard> = RateLimitGuard,
    ): Promise<RunningApplication> =>
      startApplication(platform, {
        imports: [CacheModule.forRoot({ connect: () => redisClient(library, url), ...resilience })],
        controllers: [LimitedController, OpenController],
        providers: [{ provide: APP_GUARD, useClass: guard }],
      })

    let running: RunningApplication
    beforeAll(async () => void (running = await start(server.url, patient)))
    beforeEach(() => server.flush())
    afterAll(() => running.close())
    const statuses = async (path: string, count: number, options?: RequestInit) =>
      (await Promise.all(Array.from({ length: count }, () => running.request(path, options)))).map(
        ({ status }) => status,
      )

    it('admits exactly the limit, however many requests come at once', async () => {
      const results = await statuses('/class', 50)
      expect(results.filter((status) => status === 200)).toHaveLength(5)
      expect(results.filter((status) => status === 429)).toHaveLength(45)
    })

    it('shares a limit among the methods of a controller and among applications', async () => {
      await using other = await start(server.url, patient)
      const responses = []
      for (const [one, path] of [
        [running, '/class'],
        [other, '/also-class'],
        [running, '/also-class'],
        [other, '/class'],
        [other, '/class'],
        [running, '/class'],
      ] as const)
        responses.push((await one.request(path)).status)
      expect(responses).toEqual([200, 200, 200, 200, 200, 429])
    })

    it('sends 429 with Retry-After in seconds, RateLimit headers and a problem', async () => {
      const allowed = await running.request('/class')
      expect(allowed.body).toEqual({ remaining: 4 })
      expect(allowed.headers.get('ratelimit')).toMatch(/^"five";r=4;t=\d+$/)
      expect(allowed.headers.get('ratelimit-policy')).toBe('"five";q=5;w=60')
      expect(allowed.headers.get('retry-after')).toBeNull()
      await statuses('/class', 4)

      const denied = await running.request('/class')
      expect(denied.status).toBe(429)
      const retryAfter = Number(denied.headers.get('retry-after'))
      expect(retryAfter).toBeGreaterThan(0)
      expect(retryAfter).toBeLessThanOrEqual(60)
      expect(denied.headers.get('ratelimit')).toMatch(/^"five";r=0;t=\d+$/)
      expect(denied.headers.get('content-type')).toMatch(/^application\/json/)
      expect(denied.body).toMatchObject({ status: 429, 'violated-policies': ['five'] })
    })

    it('limits by the key of the options, and charges once for two guards', async () => {
      expect((await running.request('/user?user=ada')).status).toBe(200)
      expect((await running.request('/user?user=ada')).status).toBe(429)
      expect((await running.request('/user?user=bob')).status).toBe(200)
    })

    it('does not limit a method with false, nor a route without @RateLimit', async () => {
      expect(new Set(await statuses('/free', 10))).toEqual(new Set([200]))
      expect(new Set(await statuses('/default', 10))).toEqual(new Set([200]))
    })

    it('limits routes without @RateLimit by the defaults of rateLimitGuard', async () => {
      const guard = rateLimitGuard({
        limiter: { prefix: 'default', limits: [slidingWindow({ limit: 2, window: '1m' })] },
      })
      await using own = await start(server.url, patient, guard)
      const results = []
      for (let i = 0; i < 3; i++) results.push((await own.request('/default')).status)
      expect(results).toEqual([200, 200, 429])
      expect((await own.request('/free')).status).toBe(200)
      expect((await own.request('/class')).body).toEqual({ remaining: 4 })
    })

    it('gives back what does not count once the response is known', async () => {
      for (let i = 0; i < 6; i++)
        await expect
          .poll(async () => (await running.request('/login', { method: 'POST' })).status)
          .toBe(204)
    })

    it('releases a slot when the response was sent', async () => {
      waiting = gate()
      const first = running.request('/slot')
      await expect.poll(async () => (await server.cli('KEYS', 'slots:*')) !== '').toBe(true)
      expect((await running.request('/slot')).status).toBe(429)
      waiting.open()
      expect((await first).status).toBe(200)
      await expect.poll(async () => (await running.request('/slot')).status).toBe(200)
    })

    it('sends the response of onLimited, and only Retry-After with headers: false', async () => {
      expect((await running.request('/custom')).headers.get('ratelimit')).toBeNull()
      const denied = await running.request('/custom')
      expect(denied).toMatchObject({ status: 420, body: { calm: true } })
      expect(Number(denied.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(denied.headers.get('ratelimit')).toBeNull()
    })

    it('decides by onOutage while Redis is silent, and does not hang', async () => {
      await using own = await startRedis()
      await using limited = await start(own.url, impatient)
      expect((await limited.request('/class')).status).toBe(200)
      await own.pause()
      const results = await Promise.all(Array.from({ length: 10 }, () => limited.request('/class')))
      expect(new Set(results.map(({ status }) => status))).toEqual(new Set([200]))
      expect((await limited.request('/strict')).status).toBe(503)
      await own.resume()
    })
  })
})

describe('RateLimitGuard', () => {
  it('takes a limiter that the application has created', async () => {
    await using running = await startApplication('express', {
      imports: [CacheModule.forRoot({ connect: () => redisClient('ioredis', server.url) })],
    })
    const { getCacheClientToken } = await import('../../src/index.js')
    const limiter = createRateLimiter({
      client: running.app.get(getCacheClientToken()),
      prefix: 'own',
      limits: [slidingWindow({ limit: 1, window: '1m' })],
    })
    @RateLimit({ limiter })
    @UseGuards(RateLimitGuard)
    @Controller('own')
    class OwnController {
      @Get()
      get() {
        return {}
      }
    }
    await using own = await startApplication('express', { controllers: [OwnController] })
    expect((await own.request('/own')).status).toBe(200)
    expect((await own.request('/own')).status).toBe(429)
  })

  it('refuses contexts other than HTTP, unless a subclass knows their request', async () => {
    let asked = 0
    @Injectable()
    class OwnGuard extends RateLimitGuard {
      protected override requestAndResponse(context: ExecutionContext) {
        asked++
        const http = context.switchToHttp()
        return { request: http.getRequest<object>(), response: http.getResponse<object>() }
      }
    }
    await using running = await startApplication('express', {
      imports: [CacheModule.forRoot({ connect: () => redisClient('ioredis', server.url) })],
      controllers: [LimitedController],
      providers: [{ provide: APP_GUARD, useClass: OwnGuard }, RateLimitGuard],
    })
    expect((await running.request('/also-class')).status).toBe(200)
    expect(asked).toBe(1)

    const message = {
      getType: () => 'rpc',
      getHandler: () => LimitedController.prototype.byClass,
      getClass: () => LimitedController,
    } as unknown as ExecutionContext
    await expect(running.app.get(RateLimitGuard).canActivate(message)).rejects.toThrow(
      'RateLimitGuard limits HTTP requests, and this is "rpc".',
    )
    const exempt = { ...message, getHandler: () => LimitedController.prototype.free }
    expect(await running.app.get(RateLimitGuard).canActivate(exempt)).toBe(true)
  })

  it('denies all fields of a GraphQL request that ask the same limit', async () => {
    class Resolver {
      @RateLimit({
        limiter: { prefix: 'field', limits: [slidingWindow({ limit: 1, window: '1m' })] },
        key: () => 'ada',
      })
      login() {
        return undefined
      }
    }
    interface Exchange {
      readonly request: object
      readonly response: object
    }
    @Injectable()
    class GraphQLGuard extends RateLimitGuard {
      protected override requestAndResponse(context: ExecutionContext) {
        return context.getArgByIndex<Exchange>(2)
      }
    }
    @Controller('graphql')
    class GraphQLController {
      constructor(@Inject(GraphQLGuard) readonly guard: GraphQLGuard) {}
      @Get()
      async query(@Req() request: object, @Res({ passthrough: true }) response: object) {
        const context = {
          getType: () => 'graphql',
          getHandler: () => Resolver.prototype.login,
          getClass: () => Resolver,
          getArgByIndex: () => ({ request, response }),
        } as unknown as ExecutionContext
        const field = () => this.guard.canActivate(context).catch((error) => error.getStatus())
        return [...(await Promise.all([field(), field()])), await field()]
      }
    }
    await using running = await startApplication('express', {
      imports: [CacheModule.forRoot({ connect: () => redisClient('ioredis', server.url) })],
      controllers: [GraphQLController],
      providers: [GraphQLGuard],
    })
    expect((await running.request('/graphql')).body).toEqual([true, true, true])
    expect((await running.request('/graphql')).body).toEqual([429, 429, 429])
  })

  it('names a wrong option where it is used, and a client that the application lacks', async () => {
    expect(() => RateLimit({ limiter: 5 } as never)).toThrow(/"limiter" must be a limiter/)
    expect(() => RateLimit({ limiter: {}, keey: 1 } as never)).toThrow(/"keey" must be one of/)
    expect(() => rateLimitGuard({} as never)).toThrow(/"limiter"/)
    expect(RateLimitException.prototype).toBeInstanceOf(Error)

    @RateLimit({ client: 'sessions', limiter: { prefix: 'x', limits: five } })
    @UseGuards(RateLimitGuard)
    @Controller('lost')
    class LostController {
      @Get()
      get() {
        return {}
      }
    }
    await using running = await startApplication('express', { controllers: [LostController] })
    expect((await running.request('/lost')).status).toBe(500)
  })
})
