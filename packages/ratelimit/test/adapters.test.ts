import type { AddressInfo, Server } from 'node:net'
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import express from 'express'
import * as expressRateLimit from 'express-rate-limit'
import fastify from 'fastify'
import { Hono } from 'hono'
import { Redis } from 'ioredis'
import { parseDictionary, parseList } from 'structured-headers'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { rateLimit as forExpress } from '../src/adapters/express.js'
import { rateLimitStore } from '../src/adapters/express-rate-limit.js'
import { rateLimit as forFastify } from '../src/adapters/fastify.js'
import { rateLimit as forHono, type RateLimitVariables } from '../src/adapters/hono.js'
import { addressKey, concurrency, createRateLimiter, gcra, slidingWindow, type HeaderStyle, type RateLimiter, type RateLimiterOptions } from '../src/index.js'
import { keysForEver } from './cases.js'

let server: RedisServer
let redis: Redis
let client: CacheClient
const ends: (() => unknown)[] = []
let prefixes = 0
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  client = createCacheClient(ioredisDriver(redis))
})
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  expect(await keysForEver(client)).toEqual([])
})
afterAll(async () => {
  await client.close()
  redis.disconnect()
  await server.stop()
})

const limits = [slidingWindow({ name: 'burst', limit: 3, window: '1m' }), gcra({ name: 'daily', limit: 1_000, window: '1d', burst: 100 })]
const make = (options: Partial<RateLimiterOptions> = {}): RateLimiter => createRateLimiter({ client, prefix: `http${++prefixes}`, limits, deadline: '10s', ...options })

interface Served {
  readonly url: string
  /** Lets the handler under way go on. */
  release(): void
}
interface Options { readonly limiter: RateLimiter; readonly headers?: HeaderStyle | false; readonly cost?: number; readonly skip?: boolean; readonly held?: boolean; readonly failing?: boolean }

/** Each framework with one route, which says what the decision was, and waits if it is to be held. */
const frameworks: Record<string, (options: Options) => Promise<Served>> = {
  async express({ limiter, headers, cost, skip, held, failing }) {
    const app = express()
    const gate = new Gate(held)
    app.use(forExpress<express.Request>({ limiter, ...(headers !== undefined && { headers }), ...(cost && { cost: () => cost }), ...(skip && { skip: () => true }), ...(failing && { key: () => '' }) }))
    app.get('/', async (_request, response) => {
      await gate.passed
      response.send(String((response.locals.rateLimit as { remaining: number } | undefined)?.remaining))
    })
    app.use(((_error, _request, response, _next) => void response.status(500).end()) as express.ErrorRequestHandler)
    return listening(app.listen(0, '127.0.0.1') as unknown as Server, gate)
  },

  async fastify({ limiter, headers, cost, skip, held, failing }) {
    const app = fastify()
    const gate = new Gate(held)
    await app.register(forFastify, { limiter, ...(headers !== undefined && { headers }), ...(cost && { cost: () => cost }), ...(skip && { skip: () => true }), ...(failing && { key: () => '' }) })
    app.get('/', async (request) => {
      await gate.passed
      return String(request.rateLimit?.remaining)
    })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    ends.push(() => app.close())
    return { url, release: () => gate.open() }
  },

  async hono({ limiter, headers, cost, skip, held, failing }) {
    const app = new Hono<{ Variables: RateLimitVariables }>()
    const gate = new Gate(held)
    app.use(forHono({ limiter, key: (c) => (failing ? '' : addressKey(getConnInfo(c).remote.address)), ...(headers !== undefined && { headers }), ...(cost && { cost: () => cost }), ...(skip && { skip: () => true }) }))
    app.get('/', async (c) => {
      await gate.passed
      return c.text(String((c.get('rateLimit') as { remaining: number } | undefined)?.remaining))
    })
    app.onError((_error, c) => c.body(null, 500))
    const listener = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    return listening(listener as unknown as Server, gate)
  },
}

class Gate {
  open!: () => void
  readonly passed: Promise<void> | undefined
  constructor(held = false) {
    this.passed = held ? new Promise((resolve) => { this.open = resolve }) : undefined
  }
}

async function listening(listener: Server, gate: Gate): Promise<Served> {
  if (!listener.listening) await new Promise((resolve) => listener.once('listening', resolve))
  ends.push(() => new Promise((resolve) => { (listener as unknown as { closeAllConnections(): void }).closeAllConnections(); listener.close(resolve) }))
  return { url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`, release: () => gate.open() }
}

describe.each(Object.keys(frameworks))('%s', (name) => {
  const start = frameworks[name]!

  it('lets through what is allowed, and says what is left in structured fields', async () => {
    const { url } = await start({ limiter: make() })
    const response = await fetch(url)
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('2')
    expect(parseList(response.headers.get('ratelimit-policy')!)).toEqual([
      ['burst', new Map([['q', 3], ['w', 60]])],
      ['daily', new Map([['q', 100], ['w', 8_640]])],
    ])
    expect(parseList(response.headers.get('ratelimit')!)).toEqual([
      ['burst', new Map([['r', 2], ['t', 60]])],
      ['daily', new Map([['r', 99], ['t', 87]])],
    ])
    expect(response.headers.get('retry-after')).toBe(null)
  })

  it('refuses the rest with 429, Retry-After and a problem that names the limit', async () => {
    const { url } = await start({ limiter: make() })
    for (let i = 0; i < 3; i++) expect((await fetch(url)).status).toBe(200)
    const response = await fetch(url)
    expect(response.status).toBe(429)
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(parseList(response.headers.get('ratelimit')!)[0]).toMatchObject(['burst', new Map([['r', 0], ['t', expect.any(Number)]])])
    expect(await response.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Request cannot be satisfied as assigned quota has been exceeded', status: 429, 'violated-policies': ['burst'],
    })
  })

  it('says it in draft 7, in the old headers, or not at all', async () => {
    const draft7 = await fetch((await start({ limiter: make(), headers: 'draft-7' })).url)
    expect(parseDictionary(draft7.headers.get('ratelimit')!)).toEqual(new Map([['limit', [3, new Map()]], ['remaining', [2, new Map()]], ['reset', [60, new Map()]]]))
    expect(parseList(draft7.headers.get('ratelimit-policy')!)).toEqual([[3, new Map([['w', 60]])]])
    const legacy = await fetch((await start({ limiter: make(), headers: 'legacy' })).url)
    expect([legacy.headers.get('x-ratelimit-limit'), legacy.headers.get('x-ratelimit-remaining')]).toEqual(['3', '2'])
    expect(Math.abs(Number(legacy.headers.get('x-ratelimit-reset')) - Date.now() / 1_000 - 60)).toBeLessThan(30)
    const { url } = await start({ limiter: make(), headers: false, cost: 3 })
    expect([...(await fetch(url)).headers.keys()].filter((header) => header.includes('ratelimit') || header === 'retry-after')).toEqual([])
    expect([...(await fetch(url)).headers.keys()].filter((header) => header.includes('ratelimit') || header === 'retry-after')).toEqual(['retry-after'])
  })

  it('weighs and skips requests as told', async () => {
    const heavy = await start({ limiter: make(), cost: 2 })
    expect([(await fetch(heavy.url)).status, (await fetch(heavy.url)).status]).toEqual([200, 429])
    const { url } = await start({ limiter: make(), skip: true })
    for (let i = 0; i < 5; i++) expect(await (await fetch(url)).text()).toBe('undefined')
  })

  it('releases the slot when the response is sent, and when the client has left', async () => {
    const limiter = make({ limits: [concurrency({ name: 'running', limit: 1, ttl: '30s' })] })
    const { url, release } = await start({ limiter, held: true })
    const leaving = new AbortController()
    const first = fetch(url, { signal: leaving.signal }).catch((error: unknown) => error)
    await vi.waitFor(async () => expect((await fetch(url)).status).toBe(429), { timeout: 10_000 })
    if (name === 'hono') release() // it does not hear that a client has left: its handler must end
    leaving.abort()
    await first
    await vi.waitFor(async () => expect((await limiter.peek('127.0.0.1')).allowed).toBe(true), { timeout: 10_000 })
    release()
    expect((await fetch(url)).status).toBe(200)
    await vi.waitFor(async () => expect((await limiter.peek('127.0.0.1')).allowed).toBe(true), { timeout: 10_000 })
  })

  it('answers 503 where Redis does not answer and the limiter is to deny then, and lets through where it is to be open', async () => {
    const away: CacheClient = { ...client, run: (script, keys, args) => client.run({ ...script, source: 'return nonsense', sha: '0'.repeat(40) }, keys, args) }
    const closed = await fetch((await start({ limiter: make({ client: away, onOutage: 'closed' }) })).url)
    expect(closed.status).toBe(503)
    expect(await closed.json()).toMatchObject({ type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity', status: 503 })
    expect(closed.headers.get('retry-after')).toBe('1')
    const open = await fetch((await start({ limiter: make({ client: away, onOutage: 'open' }) })).url)
    expect(open.status).toBe(200)
    expect(open.headers.get('ratelimit')).toBe(null)
  })

  it('hands what goes wrong to the framework', async () => {
    expect((await fetch((await start({ limiter: make(), failing: true })).url)).status).toBe(500)
  })
})

it('fastify: guards the routes beside it', async () => {
  const app = fastify()
  ends.push(() => app.close())
  await app.register(forFastify, { limiter: make() })
  app.get('/beside', async () => 'ok')
  for (let i = 0; i < 3; i++) expect((await app.inject('/beside')).statusCode).toBe(200)
  expect((await app.inject('/beside')).statusCode).toBe(429)
})

describe('express-rate-limit', () => {
  async function start(limiter: RateLimiter, options: Partial<expressRateLimit.Options> = {}, status = 200) {
    const app = express()
    const problems: string[] = []
    const spied = vi.spyOn(console, 'error').mockImplementation((problem: unknown) => void problems.push(String(problem)))
    const warned = vi.spyOn(console, 'warn').mockImplementation((problem: unknown) => void problems.push(String(problem)))
    ends.push(() => { spied.mockRestore(); warned.mockRestore() })
    const store: expressRateLimit.Store = rateLimitStore({ limiter })
    // Its validations are on unless told otherwise; they report to the console.
    app.use(expressRateLimit.rateLimit({ windowMs: 60_000, limit: 3, standardHeaders: 'draft-8', legacyHeaders: true, store, validate: true, ...options }))
    app.get('/', (_request, response) => void response.status(status).send('ok'))
    const { url } = await listening(app.listen(0, '127.0.0.1') as unknown as Server, new Gate())
    return { url, problems }
  }

  it('takes the store for one of its own: its validations have nothing to say', async () => {
    const { url, problems } = await start(make())
    const responses = [await fetch(url), await fetch(url), await fetch(url), await fetch(url), await fetch(url)]
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429])
    expect(responses.map(({ headers }) => headers.get('x-ratelimit-remaining'))).toEqual(['2', '1', '0', '0', '0'])
    const retryAfter = Number(responses[3]!.headers.get('retry-after'))
    expect(retryAfter).toBeGreaterThan(0)
    expect(retryAfter).toBeLessThanOrEqual(60)
    expect(problems).toEqual([])
  })

  it('gives back what it is told not to count', async () => {
    const { url, problems } = await start(make(), { skipSuccessfulRequests: true })
    for (let i = 0; i < 6; i++) {
      expect((await fetch(url)).status).toBe(200)
      await vi.waitFor(async () => expect((await redis.keys(`*http${prefixes}*refund*`)).length).toBe(i + 1), { timeout: 10_000 })
    }
    expect(problems).toEqual([])
  })

  it('tells what was counted, and begins anew', async () => {
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

  it('refuses another limit than its limiter has, and slots', () => {
    expect(() => rateLimitStore({ limiter: make() }).init({ limit: 5, windowMs: 60_000 })).toThrow('"limit"')
    expect(() => rateLimitStore({ limiter: make({ limits: [concurrency({ name: 'a', limit: 1, ttl: '1s' })] }) })).toThrow('"limiter"')
  })
})

describe('addressKey', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'], ['::ffff:192.0.2.1', '192.0.2.1'], ['::FFFF:C000:0201', '192.0.2.1'],
    ['2001:db8:0:1ff::1', '2001:db8:0:100::/56'], ['2001:db8:0:100:aaaa:bbbb:cccc:dddd', '2001:db8:0:100::/56'], ['2001:DB8:0:200::', '2001:db8:0:200::/56'],
    ['::1', '::/56'], ['fe80::1%eth0', 'fe80::/56'],
  ])('%s → %s', (address, key) => expect(addressKey(address)).toBe(key))

  it('folds to what it is told', () => {
    expect(addressKey('2001:db8:1:2:3:4:5:6', 128)).toBe('2001:db8:1:2:3:4:5:6/128')
    expect(addressKey('2001:db8:1:2:3:4:5:6', 64)).toBe('2001:db8:1:2::/64')
    expect(addressKey('ffff::', 1)).toBe('8000::/1')
  })

  it.each([['unknown'], [''], [undefined], ['1.2.3'], ['1.2.3.4:80'], ['[::1]'], ['::1]/x']])('refuses %j', (address) => expect(() => addressKey(address)).toThrow('"address"'))
})
