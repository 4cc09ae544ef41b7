import { request as httpRequest } from 'node:http'
import { connect as connectHttp2, constants, createServer } from 'node:http2'
import { connect, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { channels, createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import express from 'express'
import * as expressRateLimit from 'express-rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import { Hono } from 'hono'
import { Redis } from 'ioredis'
import { parseDictionary, parseList } from 'structured-headers'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { rateLimit as forExpress } from '../src/adapters/express.js'
import { rateLimitStore } from '../src/adapters/express-rate-limit.js'
import { rateLimit as forFastify } from '../src/adapters/fastify.js'
import { rateLimit as forHono, type RateLimitVariables } from '../src/adapters/hono.js'
import {
  addressKey,
  concurrency,
  createRateLimiter,
  gcra,
  slidingWindow,
  type Decision,
  type HeaderStyle,
  type RateLimiter,
  type RateLimiterOptions,
} from '../src/index.js'
import { keysWithoutTtl } from './matrix.js'

let server: RedisServer
let redis: Redis
let client: CacheClient
const cleanups: (() => unknown)[] = []
let prefixes = 0
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  client = createCacheClient(ioredisDriver(redis))
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
  expect(await keysWithoutTtl(client)).toEqual([])
})
afterAll(async () => {
  await client.close()
  redis.disconnect()
  await server.stop()
})

const limits = [
  slidingWindow({ name: 'burst', limit: 3, window: '1m' }),
  gcra({ name: 'daily', limit: 1_000, window: '1d', burst: 100 }),
]
const make = (options: Partial<RateLimiterOptions> = {}): RateLimiter =>
  createRateLimiter({ client, prefix: `http${++prefixes}`, limits, deadline: '10s', ...options })

interface RunningServer {
  readonly url: string
  /** Lets the waiting handlers finish. */
  release(): void
}
interface ServerOptions {
  readonly limiter: RateLimiter
  readonly headers?: HeaderStyle | false
  readonly cost?: number
  readonly skip?: boolean
  /** Whether handlers wait until `release` is called. */
  readonly held?: boolean
  readonly http2?: boolean
  readonly key?: () => string
}

/** Starts a server of each framework, whose route `/` responds with `remaining`. */
const frameworks: Record<string, (options: ServerOptions) => Promise<RunningServer>> = {
  async express({ limiter, headers, cost, skip, held, key }) {
    const app = express()
    const gate = new Gate(held)
    app.use(
      forExpress<express.Request>({
        limiter,
        ...(headers !== undefined && { headers }),
        ...(cost !== undefined && { cost: () => cost }),
        ...(skip && { skip: () => true }),
        ...(key && { key }),
      }),
    )
    app.get('/', async (_request, response) => {
      await gate.opened
      response.send(
        String((response.locals.rateLimit as { remaining: number } | undefined)?.remaining),
      )
    })
    app.get('/fails', () => {
      throw new Error('failed')
    })
    app.get('/stream', async (_request, response) => {
      response.write('a')
      await gate.opened
      response.end('b')
    })
    app.use(
      ((_error, _request, response, _next) =>
        void response.status(500).end()) as express.ErrorRequestHandler,
    )
    return listening(app.listen(0, '127.0.0.1') as unknown as Server, gate)
  },

  async fastify({ limiter, headers, cost, skip, held, http2, key }) {
    const app = (http2 ? fastify({ http2 }) : fastify()) as FastifyInstance
    const gate = new Gate(held)
    await app.register(forFastify, {
      limiter,
      ...(headers !== undefined && { headers }),
      ...(cost !== undefined && { cost: () => cost }),
      ...(skip && { skip: () => true }),
      ...(key && { key }),
    })
    app.get('/', async (request) => {
      await gate.opened
      return String(request.rateLimit?.remaining)
    })
    app.get('/fails', async () => {
      throw new Error('failed')
    })
    app.get('/stream', async (_request, reply) => reply.send(Readable.from(gate.stream())))
    const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/`
    cleanups.push(() => app.close())
    return { url, release: () => gate.open() }
  },

  async hono({ limiter, headers, cost, skip, held, http2, key }) {
    const app = new Hono<{ Variables: RateLimitVariables }>()
    const gate = new Gate(held)
    app.use(
      forHono({
        limiter,
        key: key ?? ((c) => addressKey(getConnInfo(c).remote.address)),
        ...(headers !== undefined && { headers }),
        ...(cost !== undefined && { cost: () => cost }),
        ...(skip && { skip: () => true }),
      }),
    )
    app.get('/', async (c) => {
      await gate.opened
      return c.text(String((c.get('rateLimit') as { remaining: number } | undefined)?.remaining))
    })
    app.get('/fails', () => {
      throw new Error('failed')
    })
    app.get('/stream', (c) =>
      c.body(Readable.toWeb(Readable.from(gate.stream())) as ReadableStream),
    )
    app.onError((_error, c) => c.body(null, 500))
    const listener = serve({
      fetch: app.fetch,
      port: 0,
      hostname: '127.0.0.1',
      ...(http2 && { createServer }),
    })
    return listening(listener as unknown as Server, gate)
  },
}

/** Something that handlers wait for until it is opened. */
class Gate {
  open!: () => void
  async *stream(): AsyncGenerator<string> {
    yield 'a'
    await this.opened
    yield 'b'
  }
  readonly opened: Promise<void> | undefined
  constructor(held = false) {
    this.opened = held
      ? new Promise((resolve) => {
          this.open = resolve
        })
      : undefined
  }
}

async function listening(listener: Server, gate: Gate): Promise<RunningServer> {
  if (!listener.listening) await new Promise((resolve) => listener.once('listening', resolve))
  cleanups.push(
    () =>
      new Promise((resolve) => {
        ;(listener as unknown as { closeAllConnections?(): void }).closeAllConnections?.()
        listener.close(resolve)
      }),
  )
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`,
    release: () => gate.open(),
  }
}

async function usedBy(limiter: RateLimiter): Promise<number> {
  const [{ limit, remaining }] = (await limiter.peek('127.0.0.1')).limits as [Decision['limits'][0]]
  return limit - remaining
}

/** Returns a client that sends each decision 100 ms late, and counts the decisions. */
function createSlowClient(): { readonly client: CacheClient; readonly decided: number } {
  const slow = {
    decided: 0,
    client: {
      ...client,
      run: async (script, keys, args, options) => {
        if (script.name !== 'ratelimit decide') return client.run(script, keys, args, options)
        await sleep(100)
        return client.run(script, keys, args, options).finally(() => slow.decided++)
      },
    } satisfies CacheClient as CacheClient,
  }
  return slow
}

/** Returns a list of the errors that are reported from now on. */
function collectErrors(): unknown[] {
  const errors: unknown[] = []
  const onError = (message: unknown): void => void errors.push(message)
  channels.error.subscribe(onError)
  cleanups.push(() => channels.error.unsubscribe(onError))
  return errors
}

describe.each(Object.keys(frameworks))('%s', (name) => {
  const start = frameworks[name]!

  it('allows requests, and reports what is left in structured fields', async () => {
    const { url } = await start({ limiter: make() })
    const response = await fetch(url)
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('2')
    expect(parseList(response.headers.get('ratelimit-policy')!)).toEqual([
      [
        'burst',
        new Map([
          ['q', 3],
          ['w', 60],
        ]),
      ],
      [
        'daily',
        new Map([
          ['q', 100],
          ['w', 8_640],
        ]),
      ],
    ])
    expect(parseList(response.headers.get('ratelimit')!)).toEqual([
      [
        'burst',
        new Map([
          ['r', 2],
          ['t', 60],
        ]),
      ],
      [
        'daily',
        new Map([
          ['r', 99],
          ['t', 87],
        ]),
      ],
    ])
    expect(response.headers.get('retry-after')).toBe(null)
  })

  it('denies with 429, Retry-After and a problem document that names the limit', async () => {
    const { url } = await start({ limiter: make() })
    for (let i = 0; i < 3; i++) expect((await fetch(url)).status).toBe(200)
    const response = await fetch(url)
    expect(response.status).toBe(429)
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(parseList(response.headers.get('ratelimit')!)[0]).toMatchObject([
      'burst',
      new Map([
        ['r', 0],
        ['t', expect.any(Number)],
      ]),
    ])
    expect(await response.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      'violated-policies': ['burst'],
    })
  })

  it('sends draft 7 headers, legacy headers or none', async () => {
    const draft7 = await fetch((await start({ limiter: make(), headers: 'draft-7' })).url)
    expect(parseDictionary(draft7.headers.get('ratelimit')!)).toEqual(
      new Map([
        ['limit', [3, new Map()]],
        ['remaining', [2, new Map()]],
        ['reset', [60, new Map()]],
      ]),
    )
    expect(parseList(draft7.headers.get('ratelimit-policy')!)).toEqual([[3, new Map([['w', 60]])]])
    const legacy = await fetch((await start({ limiter: make(), headers: 'legacy' })).url)
    expect([
      legacy.headers.get('x-ratelimit-limit'),
      legacy.headers.get('x-ratelimit-remaining'),
    ]).toEqual(['3', '2'])
    expect(
      Math.abs(Number(legacy.headers.get('x-ratelimit-reset')) - Date.now() / 1_000 - 60),
    ).toBeLessThan(30)
    const { url } = await start({ limiter: make(), headers: false, cost: 3 })
    expect(
      [...(await fetch(url)).headers.keys()].filter(
        (header) => header.includes('ratelimit') || header === 'retry-after',
      ),
    ).toEqual([])
    expect(
      [...(await fetch(url)).headers.keys()].filter(
        (header) => header.includes('ratelimit') || header === 'retry-after',
      ),
    ).toEqual(['retry-after'])
  })

  it('applies the options cost and skip', async () => {
    const heavy = await start({ limiter: make(), cost: 2 })
    expect([(await fetch(heavy.url)).status, (await fetch(heavy.url)).status]).toEqual([200, 429])
    const { url } = await start({ limiter: make(), skip: true })
    for (let i = 0; i < 5; i++) expect(await (await fetch(url)).text()).toBe('undefined')
  })

  it('releases the slot when the response is sent, or when the client has left', async () => {
    const limiter = make({ limits: [concurrency({ name: 'running', limit: 1, ttl: '30s' })] })
    const { url, release } = await start({ limiter, held: true })
    const leaving = new AbortController()
    const first = fetch(url, { signal: leaving.signal }).catch((error: unknown) => error)
    await vi.waitFor(async () => expect((await fetch(url)).status).toBe(429), { timeout: 10_000 })
    leaving.abort()
    await first
    await vi.waitFor(async () => expect((await limiter.peek('127.0.0.1')).allowed).toBe(true), {
      timeout: 10_000,
    })
    release()
    expect((await fetch(url)).status).toBe(200)
    await vi.waitFor(async () => expect((await limiter.peek('127.0.0.1')).allowed).toBe(true), {
      timeout: 10_000,
    })
  })

  it('without Redis, responds with 503 if onOutage denies, and passes if it allows', async () => {
    const failingClient: CacheClient = {
      ...client,
      run: (script, keys, args) =>
        client.run({ ...script, source: 'return nonsense', sha: '0'.repeat(40) }, keys, args),
    }
    const denied = await fetch(
      (await start({ limiter: make({ client: failingClient, onOutage: 'deny' }) })).url,
    )
    expect(denied.status).toBe(503)
    expect(await denied.json()).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      status: 503,
    })
    expect(denied.headers.get('retry-after')).toBe('1')
    const allowed = await fetch(
      (await start({ limiter: make({ client: failingClient, onOutage: 'allow' }) })).url,
    )
    expect(allowed.status).toBe(200)
    expect(allowed.headers.get('ratelimit')).toBe(null)
  })

  it('releases the slots of clients that leave before the decision, or pipeline', async () => {
    const slow = createSlowClient()
    const limiter = make({
      client: slow.client,
      limits: [concurrency({ name: 'running', limit: 3, ttl: '30s' })],
    })
    const { url } = await start({ limiter, held: true })
    const { hostname, port } = new URL(url)
    const request = `GET / HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`
    const early = connect(Number(port), hostname, () =>
      early.write(request, () => setTimeout(() => early.destroy(), 30)),
    )
    await vi.waitFor(() => expect(slow.decided).toBe(1), { timeout: 10_000 })
    await vi.waitFor(async () => expect(await usedBy(limiter)).toBe(0), { timeout: 10_000 })
    const pipelining = connect(Number(port), hostname, () => pipelining.write(request.repeat(3)))
    await vi.waitFor(async () => expect(await usedBy(limiter)).toBe(3), { timeout: 10_000 })
    pipelining.destroy()
    await vi.waitFor(async () => expect(await usedBy(limiter)).toBe(0), { timeout: 10_000 })
  })

  it.skipIf(name === 'express')(
    'releases the slots of HTTP/2 clients that leave before the decision',
    async () => {
      const slow = createSlowClient()
      const limiter = make({
        client: slow.client,
        limits: [concurrency({ name: 'running', limit: 3, ttl: '30s' })],
      })
      const { url } = await start({ limiter, held: true, http2: true })
      const session = connectHttp2(url)
      cleanups.unshift(() => session.destroy())
      const leaving = session.request({ ':path': '/' })
      leaving.on('error', () => undefined)
      setTimeout(() => leaving.close(constants.NGHTTP2_CANCEL), 30)
      await vi.waitFor(() => expect(slow.decided).toBe(1), { timeout: 10_000 })
      await vi.waitFor(async () => expect(await usedBy(limiter)).toBe(0), { timeout: 10_000 })
      const staying = session.request({ ':path': '/' })
      await vi.waitFor(async () => expect(await usedBy(limiter)).toBe(1), { timeout: 10_000 })
      staying.close(constants.NGHTTP2_CANCEL)
      await vi.waitFor(async () => expect(await usedBy(limiter)).toBe(0), { timeout: 10_000 })
    },
  )

  it('releases the slot when a whole stream was sent, or its client has left', async () => {
    const limiter = make({ limits: [concurrency({ name: 'running', limit: 1, ttl: '30s' })] })
    const { url, release } = await start({ limiter, held: true })
    const leaving = new AbortController()
    const response = await fetch(`${url}stream`, { signal: leaving.signal })
    await response.body!.getReader().read()
    expect(await usedBy(limiter)).toBe(1)
    leaving.abort()
    await vi.waitFor(async () => expect(await usedBy(limiter)).toBe(0), { timeout: 10_000 })
    release()
    await (await fetch(`${url}stream`)).text()
    await vi.waitFor(async () => expect(await usedBy(limiter)).toBe(0), { timeout: 10_000 })
  })

  it.each(['HEAD', 'GET /fails'])('releases the slot after %s', async (request) => {
    const limiter = make({ limits: [concurrency({ name: 'running', limit: 1, ttl: '30s' })] })
    const { url } = await start({ limiter })
    for (let i = 0; i < 3; i++) {
      const response = await (request === 'HEAD'
        ? fetch(url, { method: 'HEAD' })
        : fetch(`${url}fails`))
      expect(response.status).toBe(request === 'HEAD' ? 200 : 500)
      await vi.waitFor(async () => expect(await usedBy(limiter)).toBe(0), { timeout: 10_000 })
    }
  })

  it('passes errors to the framework', async () => {
    expect(
      (
        await fetch(
          (
            await start({
              limiter: make(),
              key: () => {
                throw new Error('no key')
              },
            })
          ).url,
        )
      ).status,
    ).toBe(500)
  })

  it.each([
    ['an empty string', ''],
    ['control characters', 'a\r\nb'],
    ['10 kB', 'x'.repeat(10_000)],
    ['undefined', undefined as unknown as string],
  ])('treats an id of %s as an unknown client, and reports it', async (_description, id) => {
    const limiter = make()
    const { url } = await start({ limiter, key: () => id })
    const errors = collectErrors()
    expect((await fetch(url)).status).toBe(200)
    expect(errors).toMatchObject([
      { operation: 'ratelimit', key: 'unknown', error: { code: 'INVALID_KEY' } },
    ])
    expect((await limiter.peek('unknown')).remaining).toBe(2)
  })

  it.each([-1, 0.5, NaN, '2' as unknown as number])(
    'treats a cost of %j as 1, and reports it',
    async (cost) => {
      const limiter = make()
      const { url } = await start({ limiter, cost, key: () => 'u' })
      const errors = collectErrors()
      expect((await fetch(url)).status).toBe(200)
      expect(errors).toMatchObject([
        { operation: 'ratelimit', key: 'u', error: { code: 'INVALID_OPTION' } },
      ])
      expect((await limiter.peek('u')).remaining).toBe(2)
    },
  )

  it('allows a cost of 0, and denies a cost above a limit without Retry-After', async () => {
    const free = await start({ limiter: make(), cost: 0 })
    for (let i = 0; i < 5; i++) expect(await (await fetch(free.url)).text()).toBe('3')
    for (const cost of [4, 1e300]) {
      const response = await fetch((await start({ limiter: make(), cost })).url)
      expect([response.status, response.headers.get('retry-after')]).toEqual([429, null])
      expect(response.headers.get('ratelimit')).toMatch(/^"burst";r=3;t=0, "daily";r=100;t=0$/)
      expect(await response.json()).toMatchObject({
        'violated-policies': cost === 4 ? ['burst'] : ['burst', 'daily'],
      })
    }
  })
})

it('fastify: limits the routes of its parent', async () => {
  const app = fastify()
  cleanups.push(() => app.close())
  await app.register(forFastify, { limiter: make() })
  app.get('/sibling', async () => 'ok')
  for (let i = 0; i < 3; i++) expect((await app.inject('/sibling')).statusCode).toBe(200)
  expect((await app.inject('/sibling')).statusCode).toBe(429)
})

describe('express-rate-limit', () => {
  async function start(
    limiter: RateLimiter,
    options: Partial<expressRateLimit.Options> = {},
    status = 200,
  ) {
    const app = express()
    const problems: string[] = []
    const errorSpy = vi
      .spyOn(console, 'error')
      .mockImplementation((problem: unknown) => void problems.push(String(problem)))
    const warnSpy = vi
      .spyOn(console, 'warn')
      .mockImplementation((problem: unknown) => void problems.push(String(problem)))
    cleanups.push(() => {
      errorSpy.mockRestore()
      warnSpy.mockRestore()
    })
    const store: expressRateLimit.Store = rateLimitStore({ limiter })
    // The library reports failed validations on the console.
    app.use(
      expressRateLimit.rateLimit({
        windowMs: 60_000,
        limit: 3,
        standardHeaders: 'draft-8',
        legacyHeaders: true,
        store,
        validate: true,
        ...options,
      }),
    )
    app.get('/', (_request, response) => {
      response.locals['admitted'] = true
      response.status(status).send('ok')
    })
    const { url } = await listening(app.listen(0, '127.0.0.1') as unknown as Server, new Gate())
    return { url, problems }
  }

  it('the library accepts the store: its validations report nothing', async () => {
    const { url, problems } = await start(make())
    const responses = [
      await fetch(url),
      await fetch(url),
      await fetch(url),
      await fetch(url),
      await fetch(url),
    ]
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429])
    expect(responses.map(({ headers }) => headers.get('x-ratelimit-remaining'))).toEqual([
      '2',
      '1',
      '0',
      '0',
      '0',
    ])
    const retryAfter = Number(responses[3]!.headers.get('retry-after'))
    expect(retryAfter).toBeGreaterThan(0)
    expect(retryAfter).toBeLessThanOrEqual(60)
    expect(problems).toEqual([])
  })

  it('refunds the requests that the library does not count', async () => {
    const { url, problems } = await start(make(), { skipSuccessfulRequests: true })
    for (let i = 0; i < 6; i++) {
      expect((await fetch(url)).status).toBe(200)
      await vi.waitFor(
        async () => expect((await redis.keys(`*http${prefixes}*refund*`)).length).toBe(i + 1),
        { timeout: 10_000 },
      )
    }
    expect(problems).toEqual([])
  })

  it('reports the count, and resets a key', async () => {
    const store = rateLimitStore({ limiter: make() })
    store.init({ limit: 3, windowMs: 60_000 })
    expect(await store.get('u')).toMatchObject({ totalHits: 0 })
    expect(await store.increment('u')).toMatchObject({ totalHits: 1, resetTime: expect.any(Date) })
    for (let i = 0; i < 5; i++) await store.increment('u')
    expect(await store.increment('u')).toMatchObject({ totalHits: 4 })
    await store.decrement('u')
    expect(await store.get('u')).toMatchObject({ totalHits: 2 })
    await store.resetKey('u')
    expect(await store.get('u')).toMatchObject({ totalHits: 0 })
  })

  it.each([
    { skipFailedRequests: true },
    { skipFailedRequests: true, statusCode: 200 },
    { skipSuccessfulRequests: true, statusCode: 200 },
  ])('refunds nothing for denied requests, like the built-in store (%j)', async (options) => {
    const { url } = await start(make(), {
      ...options,
      requestWasSuccessful: (_request, response) =>
        response.locals['admitted'] === true
          ? options.skipFailedRequests === true
          : options.skipFailedRequests !== true,
    })
    const admitted: boolean[] = []
    for (let i = 0; i < 15; i++) admitted.push((await (await fetch(url)).text()) === 'ok')
    expect(admitted.filter(Boolean)).toHaveLength(3)
  })

  it('refunds failed requests among successful and denied ones', async () => {
    const store = rateLimitStore({ limiter: make() })
    store.init({ limit: 3, windowMs: 60_000, skipFailedRequests: true })
    for (const totalHits of [1, 2, 3, 4, 4])
      expect(await store.increment('u')).toMatchObject({ totalHits })
    for (const totalHits of [3, 3, 2]) {
      await store.decrement('u') // For two denied requests, and then for a failed one.
      expect(await store.get('u')).toMatchObject({ totalHits })
    }
  })

  it('treats an invalid key as an unknown client', async () => {
    const limiter = make()
    const store = rateLimitStore({ limiter })
    expect(await store.increment('')).toMatchObject({ totalHits: 1 })
    expect(await store.get('a\nb')).toMatchObject({ totalHits: 1 })
    await store.decrement('')
    await store.increment('')
    await store.resetKey('')
    expect(await limiter.peek('unknown')).toMatchObject({ remaining: 3 })
  })

  it('throws for a limit other than the limiter has, and for concurrency limits', () => {
    expect(() => rateLimitStore({ limiter: make() }).init({ limit: 5, windowMs: 60_000 })).toThrow(
      '"limit"',
    )
    expect(() =>
      rateLimitStore({
        limiter: make({ limits: [concurrency({ name: 'a', limit: 1, ttl: '1s' })] }),
      }),
    ).toThrow('"limiter"')
  })
})

it.each(Object.keys(frameworks))(
  '%s: a client cannot choose its id with a header',
  async (name) => {
    const { url } = await frameworks[name]!({ limiter: make() })
    const statuses: number[] = []
    for (let i = 0; i < 5; i++) {
      const headers = {
        'x-api-key': `key-${i}`,
        'x-forwarded-for': `192.0.2.${i}`,
        forwarded: `for=192.0.2.${i}`,
        'x-real-ip': `192.0.2.${i}`,
        authorization: `Bearer ${i}`,
      }
      statuses.push((await fetch(url, { headers })).status)
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429])
  },
)

describe('addressKey', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['2001:db8:0:1ff::1', '2001:db8:0:100::/56'],
    ['2001:db8:0:100:aaaa:bbbb:cccc:dddd', '2001:db8:0:100::/56'],
    ['2001:DB8:0:200::', '2001:db8:0:200::/56'],
    ['::1', '::/56'],
    ['fe80::1%eth0', 'fe80::/56'],
  ])('%s → %s', (address, key) => expect(addressKey(address)).toBe(key))

  it('folds to the given prefix length', () => {
    expect(addressKey('2001:db8:1:2:3:4:5:6', 128)).toBe('2001:db8:1:2:3:4:5:6/128')
    expect(addressKey('2001:db8:1:2:3:4:5:6', 64)).toBe('2001:db8:1:2::/64')
    expect(addressKey('ffff::', 1)).toBe('8000::/1')
  })

  it.each([
    ['203.0.113.7:50000', '203.0.113.7'],
    ['[2001:db8::1]:50000', '2001:db8::/56'],
    ['[2001:db8::1]', '2001:db8::/56'],
    ['"[2001:db8::1]:50000"', '2001:db8::/56'],
    ['[fe80::1%eth0]:80', 'fe80::/56'],
    ['[::ffff:192.0.2.1]:80', '192.0.2.1'],
    [' 192.0.2.1 ', '192.0.2.1'],
    ['198.51.100.1, 192.0.2.1:80', '192.0.2.1'],
    ['unknown, 192.0.2.1', '192.0.2.1'],
  ])('%s, as a proxy writes it → %s', (address, key) => expect(addressKey(address)).toBe(key))

  it.each([
    ['64:ff9b::192.0.2.1', '192.0.2.1'],
    ['64:ff9b::c000:202', '192.0.2.2'],
    ['64:ff9b:1::192.0.2.1', '64:ff9b:1::c000:201/128'],
    ['64:ff9b:1:7::1', '64:ff9b:1:7::1/128'],
    ['2002:c000:201:ff::1', '2002:c000:201::/48'],
    ['2001:0:cb00:7101:0:ef6a:3fff:fdfe', '192.0.2.1'],
  ])('%s, IPv4 in IPv6 → %s', (address, key) => expect(addressKey(address)).toBe(key))

  it.each([
    ['unknown'],
    ['_hidden'],
    ['_hidden:80'],
    [''],
    [undefined],
    [null],
    ['1.2.3'],
    ['01.2.3.4'],
    ['1.2.3.4:'],
    ['[1.2.3.4'],
    ['::1]/x'],
    ['192.0.2.1,'],
  ])('%j is an unknown client and is reported', (address) => {
    const errors = collectErrors()
    expect(addressKey(address)).toBe('unknown')
    expect(errors).toMatchObject([
      { operation: 'ratelimit address', key: 'unknown', error: { code: 'INVALID_OPTION' } },
    ])
  })

  it('throws for an invalid prefix length', () =>
    expect(() => addressKey('192.0.2.1', 0)).toThrow('"prefix"'))

  it.each(['express', 'fastify'])(
    '%s behind a unix socket limits all clients together',
    async (name) => {
      const path = join(tmpdir(), `ratelimit-${process.pid}-${name}.sock`)
      const limiter = make()
      if (name === 'express') {
        const app = express()
        app.use(forExpress({ limiter }))
        app.get('/', (_request, response) => void response.send('ok'))
        const listener = app.listen(path)
        cleanups.push(() => new Promise((resolve) => listener.close(resolve)))
        await new Promise((resolve) => listener.once('listening', resolve))
      } else {
        const app = fastify()
        cleanups.push(() => app.close())
        await app.register(forFastify, { limiter })
        app.get('/', async () => 'ok')
        await app.listen({ path })
      }
      const sendRequest = (): Promise<number | undefined> =>
        new Promise((resolve, reject) => {
          httpRequest({ socketPath: path, path: '/', agent: false }, (response) => {
            response.resume()
            resolve(response.statusCode)
          })
            .on('error', reject)
            .end()
        })
      expect([
        await sendRequest(),
        await sendRequest(),
        await sendRequest(),
        await sendRequest(),
      ]).toEqual([200, 200, 200, 429])
    },
  )

  it.each(['203.0.113.7:', '[2001:db8::1]:'])(
    'express and fastify behind a proxy that writes %s50000 ignore the port',
    async (address) => {
      const app = express()
      app.set('trust proxy', 1)
      app.use(forExpress({ limiter: make() }))
      app.get('/', (_request, response) => void response.send('ok'))
      const { url } = await listening(app.listen(0, '127.0.0.1') as unknown as Server, new Gate())
      const fastifyApp = fastify({ trustProxy: true })
      cleanups.push(() => fastifyApp.close())
      await fastifyApp.register(forFastify, { limiter: make() })
      fastifyApp.get('/', async () => 'ok')
      const [expressStatuses, fastifyStatuses]: [number[], number[]] = [[], []]
      for (let port = 50_000; port < 50_004; port++) {
        const headers = { 'x-forwarded-for': `${address}${port}` }
        expressStatuses.push((await fetch(url, { headers })).status)
        fastifyStatuses.push((await fastifyApp.inject({ url: '/', headers })).statusCode)
      }
      expect([expressStatuses, fastifyStatuses]).toEqual([
        [200, 200, 200, 429],
        [200, 200, 200, 429],
      ])
    },
  )
})
