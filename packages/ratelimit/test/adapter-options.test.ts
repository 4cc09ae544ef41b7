import { connect, type AddressInfo, type Server } from 'node:net'
import { serve } from '@hono/node-server'
import { channels, createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { rateLimit as forExpress } from '../src/adapters/express.js'
import { rateLimit as forFastify } from '../src/adapters/fastify.js'
import { rateLimit as forHono } from '../src/adapters/hono.js'
import {
  createRateLimiter,
  slidingWindow,
  type CustomRefusal,
  type Decision,
  type Limit,
  type RateLimiter,
  type RateLimiterOptions,
} from '../src/index.js'

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
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
afterAll(async () => {
  await client.close()
  redis.disconnect()
  await server.stop()
})

const plan = (limit: number): readonly Limit[] => [slidingWindow({ limit, window: '1h' })]
const make = (limit: number, options: Partial<RateLimiterOptions> = {}): RateLimiter =>
  createRateLimiter({
    client,
    prefix: `options${++prefixes}`,
    limits: plan(limit),
    deadline: '10s',
    onOutage: 'deny',
    ...options,
  })

interface AppOptions {
  readonly limiter: RateLimiter
  readonly limits?: (plan: string | undefined) => unknown
  readonly countWhen?: (status: number) => unknown
  readonly deny?: () => unknown
  readonly onLimited?: (decision: Decision) => unknown
}

/** Tells the handlers of `/slow` to go on. */
let openGate: () => void
let gate: Promise<void>
const closeGate = (): void => {
  gate = new Promise((resolve) => (openGate = resolve))
}

/**
 * Servers of each framework: `/status/401` responds with that status, `/throws` throws, `/slow`
 * waits for the gate. The id is `u`, and the header `x-plan` names the plan.
 */
const frameworks: Record<string, (options: AppOptions) => Promise<string>> = {
  async express({ limiter, limits, countWhen, deny, onLimited }) {
    const app = express()
    app.use(
      forExpress({
        limiter,
        key: () => 'u',
        ...(limits && {
          limits: (request) => limits(request.headers['x-plan'] as string) as never,
        }),
        ...(countWhen && { countWhen: ({ statusCode }) => countWhen(statusCode) as boolean }),
        ...(deny && { deny: () => deny() as boolean }),
        ...(onLimited && { onLimited: (_request, decision) => onLimited(decision) as never }),
      }),
    )
    app.get(
      '/status/:status',
      (request, response) => void response.status(Number(request.params.status)).end(),
    )
    app.get('/throws', () => {
      throw new Error('failed')
    })
    app.get('/slow', async (_request, response) => {
      await gate
      response.end()
    })
    app.use(
      ((_error, _request, response, _next) =>
        void response.status(500).end()) as express.ErrorRequestHandler,
    )
    return listening(app.listen(0, '127.0.0.1') as unknown as Server)
  },

  async fastify({ limiter, limits, countWhen, deny, onLimited }) {
    const app = fastify()
    await app.register(forFastify, {
      limiter,
      key: () => 'u',
      ...(limits && { limits: (request) => limits(request.headers['x-plan'] as string) as never }),
      ...(countWhen && { countWhen: ({ statusCode }) => countWhen(statusCode) as boolean }),
      ...(deny && { deny: () => deny() as boolean }),
      ...(onLimited && { onLimited: (_request, decision) => onLimited(decision) as never }),
    })
    app.get<{ Params: { status: string } }>('/status/:status', async (request, reply) =>
      reply.code(Number(request.params.status)).send(''),
    )
    app.get('/throws', async () => {
      throw new Error('failed')
    })
    app.get('/slow', async () => {
      await gate
      return ''
    })
    cleanups.push(() => app.close())
    return app.listen({ port: 0, host: '127.0.0.1' })
  },

  async hono({ limiter, limits, countWhen, deny, onLimited }) {
    const app = new Hono()
    app.use(
      forHono({
        limiter,
        key: () => 'u',
        ...(limits && { limits: (c) => limits(c.req.header('x-plan')) as never }),
        ...(countWhen && { countWhen: ({ status }) => countWhen(status) as boolean }),
        ...(deny && { deny: () => deny() as boolean }),
        ...(onLimited && { onLimited: (_c, decision) => onLimited(decision) as never }),
      }),
    )
    app.get('/status/:status', (c) => c.body(null, Number(c.req.param('status')) as 200))
    app.get('/throws', () => {
      throw new Error('failed')
    })
    app.get('/slow', async (c) => {
      await gate
      return c.text('')
    })
    app.onError((_error, c) => c.body(null, 500))
    return listening(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as never)
  },
}

async function listening(listener: Server): Promise<string> {
  if (!listener.listening) await new Promise((resolve) => listener.once('listening', resolve))
  cleanups.push(() => {
    ;(listener as unknown as { closeAllConnections(): void }).closeAllConnections()
    return new Promise((resolve) => listener.close(resolve))
  })
  return `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
}

function collectErrors(): unknown[] {
  const errors: unknown[] = []
  const onError = (message: unknown): void => void errors.push(message)
  channels.error.subscribe(onError)
  cleanups.push(() => channels.error.unsubscribe(onError))
  return errors
}

const fail = (): never => {
  throw new Error('no database')
}

describe.each(Object.keys(frameworks))('%s', (name) => {
  const start = frameworks[name]!
  const statuses = async (urls: readonly string[]): Promise<number[]> => {
    const result: number[] = []
    for (const url of urls) result.push((await fetch(url)).status)
    return result
  }
  const left = async (limiter: RateLimiter): Promise<number> => (await limiter.peek('u')).remaining
  const eventuallyLeft = (limiter: RateLimiter, expected: number): Promise<void> =>
    vi.waitFor(async () => expect(await left(limiter)).toBe(expected), { timeout: 10_000 })

  it('limits by the plan of the request, and describes it in the headers', async () => {
    const limiter = make(1)
    const plans: Record<string, readonly Limit[]> = { pro: plan(3) }
    const url = await start({ limiter, limits: async (plan) => plans[plan ?? ''] })
    const get = (plan: string): Promise<Response> =>
      fetch(`${url}/status/200`, { headers: { 'x-plan': plan } })
    const first = await get('pro')
    expect(first.headers.get('ratelimit-policy')).toBe('"sliding-window";q=3;w=3600')
    expect(first.headers.get('ratelimit')).toMatch(/^"sliding-window";r=2;t=\d+$/)
    const free = await get('unknown')
    expect(free.status).toBe(429)
    expect(free.headers.get('ratelimit-policy')).toBe('"sliding-window";q=1;w=3600')
    expect([
      (await get('pro')).status,
      (await get('pro')).status,
      (await get('pro')).status,
    ]).toEqual([200, 200, 429])
  })

  it("uses the limiter's own limits if the function for them fails, and reports it", async () => {
    const errors = collectErrors()
    const invalid: (() => unknown)[] = [
      fail,
      async () => fail(),
      () => NaN,
      () => 0,
      () => -5,
      () => '1000',
      () => null,
      () => [],
      () => plan(NaN),
      () => [slidingWindow({ name: 'other', limit: 9, window: '1h' })],
    ]
    for (const limits of invalid) {
      const url = await start({ limiter: make(1), limits })
      expect(await statuses([`${url}/status/200`, `${url}/status/200`])).toEqual([200, 429])
    }
    expect(errors).toHaveLength(2 * invalid.length)
    expect(errors[0]).toMatchObject({ operation: 'ratelimit limits' })
  })

  it('counts only the responses that countWhen chooses', async () => {
    const limiter = make(2)
    const url = await start({ limiter, countWhen: async (status) => status === 401 })
    for (let i = 0; i < 4; i++) {
      expect(await statuses([`${url}/status/200`])).toEqual([200])
      await eventuallyLeft(limiter, 2)
    }
    const failures = [`${url}/status/401`, `${url}/status/401`, `${url}/status/401`]
    expect(await statuses(failures)).toEqual([401, 401, 429])
    expect(await left(limiter)).toBe(0)
  })

  it('asks countWhen about the response to an error that a handler throws', async () => {
    const limiter = make(2)
    const url = await start({ limiter, countWhen: (status) => status !== 500 })
    expect(await statuses([`${url}/throws`])).toEqual([500])
    await eventuallyLeft(limiter, 2)
  })

  it('lets no burst of parallel requests pass the limit, whatever counts later', async () => {
    closeGate()
    const limiter = make(3)
    const url = await start({ limiter, countWhen: () => false })
    const responses = Array.from({ length: 8 }, () => fetch(`${url}/slow`))
    const denied: Response[] = []
    for (const response of responses)
      void response.then((done) => done.status === 429 && denied.push(done))
    await vi.waitFor(() => expect(denied).toHaveLength(5), { timeout: 10_000 })
    expect(await left(limiter)).toBe(0)
    openGate()
    expect((await Promise.all(responses)).filter(({ status }) => status === 200)).toHaveLength(3)
    await eventuallyLeft(limiter, 3)
  })

  it('keeps the charge of a client that leaves, and if countWhen or Redis fails', async () => {
    closeGate()
    const errors = collectErrors()
    let asked = 0
    let isDown = false
    const limiter = make(9, {
      client: {
        ...client,
        run: (script, keys, args, options) =>
          isDown && script.name === 'ratelimit refund'
            ? Promise.reject(new Error('down'))
            : client.run(script, keys, args, options),
      },
    })
    const url = await start({
      limiter,
      countWhen: (status) => {
        asked++
        return status === 201 ? fail() : status === 202 ? ('no' as never) : false
      },
    })
    const { hostname, port } = new URL(url)
    const leaving = connect(Number(port), hostname, () =>
      leaving.write(`GET /slow HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`),
    )
    await eventuallyLeft(limiter, 8)
    const closed = new Promise((resolve) => leaving.once('close', resolve))
    leaving.destroy()
    await closed
    await new Promise((resolve) => setTimeout(resolve, 50)) // The server hears of it.
    openGate()
    await statuses([`${url}/status/201`, `${url}/status/202`])
    await vi.waitFor(() => expect(asked).toBe(2), { timeout: 10_000 })
    isDown = true
    await statuses([`${url}/status/204`])
    await vi.waitFor(() => expect(errors).toHaveLength(2), { timeout: 10_000 })
    expect(errors[0]).toMatchObject({ operation: 'ratelimit countWhen' })
    expect(await left(limiter)).toBe(5)
    expect(asked).toBe(3)
  })

  it('refuses what deny says with 403, and nothing if deny fails', async () => {
    const errors = collectErrors()
    const limiter = make(1)
    expect(await statuses([`${await start({ limiter, deny: async () => true })}/throws`])).toEqual([
      403,
    ])
    expect(await left(limiter)).toBe(1)
    expect(await statuses([`${await start({ limiter, deny: fail })}/status/200`])).toEqual([200])
    expect(errors).toMatchObject([{ operation: 'ratelimit deny' }])
  })

  it('responds to denied requests as onLimited says, with the rate limit headers', async () => {
    const limiter = make(1)
    const url = await start({
      limiter,
      onLimited: async ({ retryAfter }): Promise<CustomRefusal> => ({
        status: 420,
        headers: { 'x-reason': 'calm' },
        body: { wait: retryAfter > 0 },
      }),
    })
    expect(await statuses([`${url}/status/200`])).toEqual([200])
    const denied = await fetch(`${url}/status/200`)
    expect(denied.status).toBe(420)
    expect(denied.headers.get('content-type')).toMatch(/^application\/json/)
    expect(denied.headers.get('x-reason')).toBe('calm')
    expect(Number(denied.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(denied.headers.get('ratelimit')).toMatch(/r=0/)
    expect(await denied.json()).toEqual({ wait: true })
    const html = await start({
      limiter,
      onLimited: () => ({ headers: { 'content-type': 'text/html' }, body: '<p>Later.</p>' }),
    })
    const page = await fetch(`${html}/status/200`)
    expect([page.status, page.headers.get('content-type'), await page.text()]).toEqual([
      429,
      'text/html',
      '<p>Later.</p>',
    ])
  })

  it('sends the default response if onLimited fails or returns something invalid', async () => {
    const errors = collectErrors()
    const cycle: Record<string, unknown> = {}
    cycle.cycle = cycle
    const invalid: (() => unknown)[] = [
      fail,
      async () => fail(),
      () => null,
      () => 'Later.',
      () => ({ status: 99 }),
      () => ({ status: 204 }),
      () => ({ status: '429' }),
      () => ({ headers: { 'a b': 'c' } }),
      () => ({ headers: { a: 'b\r\nset-cookie: c' } }),
      () => ({ headers: { a: 5 } }),
      () => ({ body: cycle }),
      () => ({ body: () => 'Later.' }),
    ]
    const limiter = make(1)
    await limiter.consume('u')
    for (const onLimited of invalid) {
      const denied = await fetch(`${await start({ limiter, onLimited })}/status/200`)
      expect([denied.status, await denied.json()]).toMatchObject([
        429,
        { 'violated-policies': ['sliding-window'] },
      ])
    }
    expect(errors).toHaveLength(invalid.length)
    const nothing = await fetch(`${await start({ limiter, onLimited: () => undefined })}/throws`)
    expect(nothing.status).toBe(429)
  })

  it('responds to a blocked id with Retry-After, and truthful headers', async () => {
    const limiter = make(5)
    await limiter.block('u', '1h')
    const response = await fetch(`${await start({ limiter })}/status/200`)
    expect(response.status).toBe(429)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(3_000)
    expect(response.headers.get('ratelimit')).toMatch(/^"sliding-window";r=0;t=3\d{3}$/)
    expect(await response.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#abnormal-usage-detected',
      title: 'Request not satisfied due to detection of abnormal request pattern',
      status: 429,
      'violated-policies': [],
    })
  })
})

it('hono without node-server: settles when the handler is done', async () => {
  const limiter = make(2)
  const app = new Hono()
  app.use(forHono({ limiter, key: () => 'u', countWhen: ({ status }) => status === 401 }))
  app.get('/:status', (c) => c.body(null, Number(c.req.param('status')) as 200))
  expect((await app.request('/200')).status).toBe(200)
  expect((await limiter.peek('u')).remaining).toBe(2)
  expect((await app.request('/401')).status).toBe(401)
  expect((await limiter.peek('u')).remaining).toBe(1)
})
