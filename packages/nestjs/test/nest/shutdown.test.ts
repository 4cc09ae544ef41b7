import { startRedis, type RedisServer } from '@cache/testkit'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { Controller, Get, Inject, Injectable } from '@nestjs/common'
import { HealthCheckService, TerminusModule } from '@nestjs/terminus'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  CacheHealthIndicator,
  CacheModule,
  cacheProvider,
  Cached,
  currentLocks,
  WithLock,
} from '../../src/index.js'
import { cacheClient, gate, impatient, libraries, patient, redisClient } from '../clients.js'
import { startApplication } from './application.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
beforeEach(() => server.flush())
afterAll(() => server.stop())

/** Returns the names of the connections that are open, other than the asking one. */
async function connections(): Promise<number> {
  const list = await server.cli('CLIENT', 'LIST')
  return list.split('\n').filter((line) => line !== '' && !line.includes('cmd=client')).length
}

@Injectable()
class Jobs {
  readonly #gate = gate()
  lost: Promise<unknown> | undefined

  @WithLock({ name: 'job', ttl: '60s' })
  async run() {
    const { signal } = currentLocks()!
    this.lost = new Promise((resolve) =>
      signal.addEventListener('abort', () => resolve(signal.reason)),
    )
    await this.#gate.opened
  }

  @Cached({ prefix: 'page', ttl: '1s', staleWhileRevalidate: '1h' })
  async page() {
    await this.beforeLoad()
    return ++this.loads
  }
  loads = 0
  beforeLoad: () => Promise<void> | void = () => undefined
}

describe.each(libraries)('the end of an application, on %s', (library) => {
  const ends: (() => unknown)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })

  it('releases held locks, tells their holders, and closes what connect has opened', async () => {
    const before = await connections()
    const running = await startApplication('express', {
      imports: [
        CacheModule.forRoot({ connect: () => redisClient(library, server.url), ...patient }),
      ],
      providers: [Jobs],
    })
    const jobs = running.app.get(Jobs)
    void jobs.run()
    await expect.poll(() => jobs.lost !== undefined).toBe(true)
    expect(await server.cli('EXISTS', 'lock:job')).toBe('1')
    await running.close()
    expect(await jobs.lost).toMatchObject({ reason: 'closed' })
    expect(await server.cli('EXISTS', 'lock:job')).toBe('0')
    await expect.poll(connections).toBe(before)
  })

  it.each([true, false])(
    'lets requests and other providers end before it closes, with isGlobal: %s',
    async (isGlobal) => {
      const began = gate()
      const ended = gate()
      @Injectable()
      class Visits {
        readonly seen: unknown[] = []
        @Cached({ prefix: 'visit', ttl: '1h' })
        async find(id: number) {
          return id
        }
        @WithLock({ name: 'visit' })
        async count() {
          began.open()
          await ended.opened
          currentLocks()!.assertHeld()
          return this.find(1)
        }
        async onModuleDestroy() {
          this.seen.push(await this.find(2))
          setTimeout(ended.open, 100)
        }
        async onApplicationShutdown() {
          this.seen.push(await this.count())
        }
      }
      @Controller('visits')
      class VisitsController {
        constructor(@Inject(Visits) readonly visits: Visits) {}
        @Get()
        async count() {
          return { visit: await this.visits.count() }
        }
      }
      const running = await startApplication('express', {
        imports: [
          CacheModule.forRoot({
            connect: () => redisClient(library, server.url),
            isGlobal,
            ...patient,
          }),
        ],
        controllers: [VisitsController],
        providers: [Visits],
      })
      const visits = running.app.get(Visits)
      const response = running.request('/visits')
      await began.opened
      await running.close()
      expect(await response).toMatchObject({ status: 200, body: { visit: 1 } })
      expect(visits.seen).toEqual([2, 1])
    },
  )

  it('leaves a Redis client open that was passed in', async () => {
    const redis = redisClient(library, server.url)
    ends.push(() => (redis instanceof Redis ? redis.disconnect() : redis.destroy()))
    const running = await startApplication('express', {
      imports: [CacheModule.forRoot({ redis, ...patient })],
      providers: [Jobs],
    })
    await running.app.get(Jobs).page()
    await running.close()
    expect(await (redis instanceof Redis ? redis.ping() : redis.ping())).toBe('PONG')
  })

  it('leaves a cache client open that was passed in, but releases held locks', async () => {
    const { client, end } = cacheClient(library, server.url)
    ends.push(end)
    const metadata = { imports: [CacheModule.forRoot({ client })], providers: [Jobs] }
    const [first, second] = [
      await startApplication('express', metadata),
      await startApplication('express', {
        ...metadata,
        imports: [CacheModule.forRoot({ client })],
      }),
    ]
    const jobs = first.app.get(Jobs)
    void jobs.run()
    await expect.poll(() => jobs.lost !== undefined).toBe(true)
    await second.close()
    expect(await server.cli('EXISTS', 'lock:job')).toBe('1') // the first one still uses the client
    await first.close()
    expect(await server.cli('EXISTS', 'lock:job')).toBe('0')
    expect((await client.health()).reachable).toBe(true)

    const third = await startApplication('express', metadata)
    void third.app.get(Jobs).run()
    await expect.poll(() => third.app.get(Jobs).lost !== undefined).toBe(true)
    await third.close()
  })

  it('waits for refreshes in the background', async () => {
    const running = await startApplication('express', {
      imports: [
        CacheModule.forRoot({ connect: () => redisClient(library, server.url), ...patient }),
      ],
      providers: [Jobs],
    })
    const jobs = running.app.get(Jobs)
    await jobs.page()
    let ended = false
    jobs.beforeLoad = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      ended = true
    }
    await new Promise((resolve) => setTimeout(resolve, 1_200)) // until it is stale
    await jobs.page()
    await running.close()
    expect(ended).toBe(true)
  })

  it('drains the workers that were made on the client', async () => {
    const ROWS = Symbol('rows')
    const WORKER = Symbol('worker')
    const stored = new Map<string, string>()
    const held = gate()
    let flushing = false
    const running = await startApplication('express', {
      imports: [
        CacheModule.forRoot({ connect: () => redisClient(library, server.url), ...patient }),
      ],
      providers: [
        cacheProvider({
          provide: ROWS,
          useFactory: (client) =>
            createWriteBehind({
              client,
              prefix: 'row',
              ttl: '1h',
              load: async (id: string) => stored.get(id),
            }),
        }),
        cacheProvider({
          provide: WORKER,
          useFactory: (client) => {
            const worker = createWriteBehindWorker<string>({
              client,
              prefix: 'row',
              flush: async (writes) => {
                flushing = true
                await held.opened
                for (const { id, value } of writes) stored.set(id, value!)
              },
            })
            return { worker, ended: worker.run() }
          },
        }),
      ],
    })
    await running.app
      .get<{ put(id: string, value: string): Promise<unknown> }>(ROWS)
      .put('1', 'chair')
    await expect.poll(() => flushing).toBe(true)
    const closed = running.close()
    held.open()
    await closed
    expect(stored.get('1')).toBe('chair')
    await running.app.get<{ ended: Promise<unknown> }>(WORKER).ended
  })

  it('ends while Redis is silent', async () => {
    await using own = await startRedis()
    const running = await startApplication('express', {
      imports: [
        CacheModule.forRoot({ connect: () => redisClient(library, own.url), ...impatient }),
      ],
      providers: [Jobs],
    })
    await running.app.get(Jobs).page()
    await own.pause()
    await running.close()
    await own.resume()
  })
})

describe.each(libraries)('CacheHealthIndicator, on %s', (library) => {
  @Controller('health')
  class HealthController {
    constructor(
      @Inject(HealthCheckService) readonly health: HealthCheckService,
      @Inject(CacheHealthIndicator) readonly cache: CacheHealthIndicator,
    ) {}
    @Get()
    check() {
      return this.health.check([
        () => this.cache.isHealthy('redis', { timeout: '2s' }),
        () => this.cache.isHealthy('sessions', { client: 'sessions', timeout: '2s' }),
      ])
    }
  }

  it('is up, down while Redis is silent, and up again', async () => {
    await using own = await startRedis()
    await using running = await startApplication('express', {
      imports: [
        TerminusModule.forRoot({ logger: false }),
        CacheModule.forRoot({ connect: () => redisClient(library, own.url), ...impatient }),
        CacheModule.forRoot({
          name: 'sessions',
          connect: () => redisClient(library, server.url),
          ...patient,
        }),
      ],
      controllers: [HealthController],
    })
    const up = await running.request('/health')
    expect(up).toMatchObject({
      status: 200,
      body: { status: 'ok', info: { redis: { status: 'up', breaker: 'closed' } } },
    })
    await own.pause()
    expect(await running.request('/health')).toMatchObject({
      status: 503,
      body: {
        status: 'error',
        error: { redis: { status: 'down', message: expect.any(String) } },
        info: { sessions: { status: 'up' } },
      },
    })
    await own.resume()
    await expect.poll(async () => (await running.request('/health')).status).toBe(200)
  })

  it('rejects for a client that the application has not', async () => {
    await using running = await startApplication('express', {
      imports: [CacheModule.forRoot({ connect: () => redisClient(library, server.url) })],
    })
    const indicator = running.app.get(CacheHealthIndicator)
    await expect(indicator.isHealthy('x', { client: 'lost' })).rejects.toThrow(
      'The application has no cache client "lost". Import CacheModule.forRoot({ name: \'lost\'',
    )
  })
})
