import { channels, createCacheClient, type CacheClient } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createHttpCache, type Handler, type HttpCache } from '../src/index.js'
import { Gate } from './clients.js'

/** What becomes of a stale page. Time passes only when a test says so. */
let client: CacheClient
let cache: HttpCache
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] })
  client = createCacheClient(memoryDriver({ server: new MemoryServer() }))
  cache = createHttpCache({ client, prefix: 'pages' })
})
afterEach(async () => {
  vi.useRealTimers()
  await cache.idle()
  await client.close()
})

const get = (headers: Record<string, string> = {}): Request =>
  new Request('https://shop.test/page', { headers })
const status = (response: Response): string => response.headers.get('cache-status') ?? ''

/** Answers with these responses, one after the other; each is a body or a status, and headers. */
function answering(...answers: [string | number, Record<string, string>][]): Handler {
  return () => {
    const [given, headers] = answers.shift()!
    return typeof given === 'string'
      ? new Response(given, { headers })
      : new Response(null, { status: given, headers })
  }
}

describe('a page that a 304 has brought up to date', () => {
  const etag = '"v1"'
  const first = { 'cache-control': 'max-age=60', etag }

  it('has the tags of the 304, and does not show them', async () => {
    const handler = answering(
      ['page', { ...first, 'cache-tag': 'old' }],
      [304, { 'cache-tag': 'new' }],
      ['purged', first],
    )
    await cache.handle(get(), handler)
    vi.advanceTimersByTime(61_000)
    const revalidated = await cache.handle(get(), handler)
    expect(status(revalidated)).toContain('fwd-status=304; stored')
    expect(revalidated.headers.has('cache-tag')).toBe(false)
    await cache.purgeTags('old')
    expect(status(await cache.handle(get(), handler))).toContain('hit')
    await cache.purgeTags('new')
    expect(await (await cache.handle(get(), handler)).text()).toBe('purged')
  })

  it('keeps its tags if the 304 has none', async () => {
    const handler = answering(
      ['page', { ...first, 'cache-tag': 'a' }],
      [304, {}],
      ['purged', first],
    )
    await cache.handle(get(), handler)
    vi.advanceTimersByTime(61_000)
    await cache.handle(get(), handler)
    expect(status(await cache.handle(get(), handler))).toContain('hit')
    await cache.purgeTags('a')
    expect(await (await cache.handle(get(), handler)).text()).toBe('purged')
  })

  it('keeps the ETag that the cache has made', async () => {
    const modified = 'Sun, 06 Nov 2022 08:49:37 GMT'
    const dated = { 'cache-control': 'max-age=60', 'last-modified': modified }
    const seen: Headers[] = []
    const handler: Handler = ({ headers }) => {
      seen.push(headers)
      return headers.has('if-modified-since')
        ? new Response(null, { status: 304 })
        : new Response('page', { headers: dated })
    }
    const made = (await cache.handle(get(), handler)).headers.get('etag')
    for (let i = 0; i < 2; i++) {
      vi.advanceTimersByTime(61_000)
      expect((await cache.handle(get(), handler)).headers.get('etag')).toBe(made)
    }
    for (const headers of seen) expect(headers.has('if-none-match')).toBe(false)
  })

  it('varies by what the 304 names', async () => {
    const handler = answering(
      ['for all', first],
      [304, { vary: 'accept-language' }],
      ['auf Deutsch', { ...first, vary: 'accept-language' }],
    )
    await cache.handle(get(), handler)
    vi.advanceTimersByTime(61_000)
    await cache.handle(get({ 'accept-language': 'en' }), handler)
    const german = await cache.handle(get({ 'accept-language': 'de' }), handler)
    expect(await german.text()).toBe('auf Deutsch')
  })

  it('is the page of the visitor that the handler was asked for', async () => {
    const server = new MemoryServer()
    const clients = ['a', 'b'].map(() => createCacheClient(memoryDriver({ server })))
    const [one, other] = clients.map((its) => createHttpCache({ client: its, prefix: 'pages' }))
    const gate = new Gate()
    const rendered: (string | null)[] = []
    const handler: Handler = async ({ headers }) => {
      if (headers.has('if-modified-since')) return new Response(null, { status: 304 })
      rendered.push(headers.get('cookie'))
      await gate.opened
      return new Response(`page of ${headers.get('cookie')}`, {
        headers: {
          // The page is stale when the request that waited for it sees it.
          'cache-control': 'max-age=0, stale-while-revalidate=60',
          vary: 'cookie',
          'last-modified': 'Sun, 06 Nov 2022 08:49:37 GMT',
        },
      })
    }
    const first = one!.handle(get({ cookie: 'ann' }), handler)
    await vi.waitFor(() => expect(rendered).toEqual(['ann']))
    const second = other!.handle(get({ cookie: 'bob' }), handler)
    await new Promise((resolve) => setTimeout(resolve, 50))
    vi.advanceTimersByTime(1)
    gate.open()
    expect(await (await first).text()).toBe('page of ann')
    vi.advanceTimersByTime(1)
    expect(await (await second).text()).toBe('page of bob')
    for (const each of clients) await each.close()
  })

  it('has the Age of the 304, and not that of an earlier one', async () => {
    const handler = answering(['page', first], [304, { age: '50' }], [304, {}])
    await cache.handle(get(), handler)
    vi.advanceTimersByTime(61_000)
    expect((await cache.handle(get(), handler)).headers.get('age')).toBe('50')
    vi.advanceTimersByTime(11_000)
    expect((await cache.handle(get(), handler)).headers.get('age')).toBe('0')
    vi.advanceTimersByTime(59_000)
    expect(status(await cache.handle(get(), handler))).toBe('cache; hit; ttl=1')
  })

  it('has a Date from now, so that browsers do not take it for old', async () => {
    const handler = answering(['page', first], [304, {}])
    await cache.handle(get(), handler)
    vi.advanceTimersByTime(61_000)
    const revalidated = await cache.handle(get(), handler)
    expect(revalidated.headers.get('date')).toBe(new Date().toUTCString())
  })

  it('gives a cookie of the 304 to its request only', async () => {
    const handler = answering(
      ['page', first],
      [304, { 'set-cookie': 'session=1' }],
      ['rendered for another', first],
    )
    await cache.handle(get(), handler)
    vi.advanceTimersByTime(61_000)
    const revalidated = await cache.handle(get(), handler)
    expect(await revalidated.text()).toBe('page')
    expect(revalidated.headers.getSetCookie()).toEqual(['session=1'])
    const next = await cache.handle(get(), handler)
    expect(next.headers.getSetCookie()).toEqual([])
    expect(await next.text()).toBe('rendered for another')
  })
})

describe('a stale page that is served instead of a failure', () => {
  it('has its true Age for the requests that waited as well', async () => {
    const headers = { 'cache-control': 'max-age=60, stale-if-error=600' }
    await cache.handle(get(), answering(['page', headers]))
    vi.advanceTimersByTime(100_000)
    const gate = new Gate()
    let renders = 0
    const failing: Handler = async () => {
      renders++
      await gate.opened
      return new Response('down', { status: 503 })
    }
    const answers = [1, 2, 3].map(() => cache.handle(get(), failing))
    await vi.waitFor(() => expect(renders).toBe(1))
    await new Promise((resolve) => setTimeout(resolve, 20))
    gate.open()
    for (const response of await Promise.all(answers)) {
      expect(await response.text()).toBe('page')
      expect(response.headers.get('age')).toBe('100')
      expect(status(response)).toContain('detail=stale-if-error')
    }
    expect(renders).toBe(1)
  })

  it.each([
    [20_000, 'page', '115'],
    [70_000, 'down', null],
  ])('is as old as it is once the handler has failed after %i ms', async (ms, text, age) => {
    const headers = { 'cache-control': 'max-age=60, stale-if-error=60' }
    await cache.handle(get(), answering(['page', headers]))
    vi.advanceTimersByTime(95_000)
    const response = await cache.handle(get(), () => {
      vi.advanceTimersByTime(ms)
      return new Response('down', { status: 503 })
    })
    expect(await response.text()).toBe(text)
    expect(response.headers.get('age')).toBe(age)
  })
})

describe('a stale page whose URL has nothing any more', () => {
  const headers = { 'cache-control': 'max-age=60, stale-if-error=600' }
  const down = () => new Response('down', { status: 503 })

  it.each([
    ['GET', 404],
    ['GET', 410],
    ['HEAD', 404],
  ])('is not brought back by a failure after %s was answered with %i', async (method, status) => {
    await cache.handle(get(), answering(['page', headers]))
    vi.advanceTimersByTime(61_000)
    const request = new Request(get(), { method })
    const gone = await cache.handle(request, () => new Response(null, { status }))
    expect(gone.status).toBe(status)
    expect((await cache.handle(get(), down)).status).toBe(503)
  })
})

describe('a stale page that is served while it is rendered again', () => {
  const first = { 'cache-control': 'max-age=60, stale-while-revalidate=600' }

  it.each([
    ['is gone', [404, {}]],
    ['is private now', ['private', { 'cache-control': 'private' }]],
  ] as [string, [string | number, Record<string, string>]][])(
    'is served no more once it %s',
    async (_, answer) => {
      await cache.handle(get(), answering(['page', first]))
      vi.advanceTimersByTime(61_000)
      const handler = answering(answer, answer)
      expect(await (await cache.handle(get(), handler)).text()).toBe('page')
      await cache.idle()
      const next = await cache.handle(get(), handler)
      expect(await next.text()).toBe(typeof answer[0] === 'string' ? answer[0] : '')
    },
  )

  it('is served for the time that is left after the Age it arrived with', async () => {
    const headers = { 'cache-control': 'max-age=60, stale-while-revalidate=30', age: '80' }
    const handler = answering(['page', headers], ['new', headers])
    await cache.handle(get(), handler)
    vi.advanceTimersByTime(15_000)
    expect(await (await cache.handle(get(), handler)).text()).toBe('new')
  })

  it('is served although waitUntil throws', async () => {
    const waitUntil = () => {
      throw new Error('outside of a request')
    }
    const bound = createHttpCache({ client, prefix: 'bound', waitUntil })
    const handler = answering(['page', first], ['new', first])
    await bound.handle(get(), handler)
    vi.advanceTimersByTime(61_000)
    expect(await (await bound.handle(get(), handler)).text()).toBe('page')
    await bound.idle()
    expect(await (await bound.handle(get(), handler)).text()).toBe('new')
  })

  it('reports what the handler throws', async () => {
    const errors: unknown[] = []
    const listener = (event: unknown): void => void errors.push(event)
    channels.error.subscribe(listener)
    try {
      await cache.handle(get(), answering(['page', first]))
      vi.advanceTimersByTime(61_000)
      await cache.handle(get(), () => {
        throw new Error('broken')
      })
      await cache.idle()
      expect(errors).toEqual([
        expect.objectContaining({
          operation: 'http background',
          error: expect.objectContaining({ message: 'broken' }),
        }),
      ])
    } finally {
      channels.error.unsubscribe(listener)
    }
  })

  it('is rendered again although an earlier rendering never ended', async () => {
    const handler = answering(['page', first], ['second', first], ['third', first])
    await cache.handle(get(), handler)
    vi.advanceTimersByTime(61_000)
    let began = false
    void cache.handle(get(), () => {
      if (began) return new Response('foreground', { headers: first })
      began = true
      return new Promise(() => undefined)
    })
    await vi.waitFor(() => expect(began).toBe(true))
    vi.advanceTimersByTime(30_000)
    expect(await (await cache.handle(get(), handler)).text()).toBe('page')
    await vi.waitFor(async () => {
      expect(await (await cache.handle(get(), handler)).text()).toBe('second')
    })
    cache = createHttpCache({ client, prefix: 'pages' }) // The first one is never idle.
  })
})
