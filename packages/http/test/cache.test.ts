import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError, type CacheClient } from '@cache/core'
import { eventually, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createHttpCache,
  type Handler,
  type HttpCache,
  type HttpCacheOptions,
} from '../src/index.js'
import { clientNames, Clients, Gate, keysWithoutTtl } from './clients.js'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const URL_ = 'https://shop.test/page'
const get = (headers: Record<string, string> = {}, url = URL_): Request =>
  new Request(url, { headers })
const status = (response: Response): string => response.headers.get('cache-status') ?? ''

describe.each(clientNames)('on %s', (name) => {
  const clients = new Clients()
  let client: CacheClient
  let other: CacheClient
  let prefixes = 0
  let prefix = ''
  beforeAll(() => {
    client = clients.create(name, server.url)
    other = clients.create(name, server.url)
  })
  beforeEach(() => {
    prefix = `${name}${++prefixes}`
  })
  afterEach(async () => expect(await keysWithoutTtl(client)).toEqual([]))
  afterAll(() => clients.end())

  const make = (options: Partial<HttpCacheOptions> = {}, on: CacheClient = client): HttpCache =>
    createHttpCache({ client: on, prefix, ...options })

  /** A handler that counts its calls, and says in its body which one it was. */
  function counting(
    headers: Record<string, string> = { 'cache-control': 'max-age=60' },
    code = 200,
  ) {
    const requests: Request[] = []
    const handler: Handler = (request) => {
      requests.push(request)
      return new Response(`render ${requests.length}`, { status: code, headers })
    }
    return { handler, requests }
  }

  async function bodies(cache: HttpCache, handler: Handler, ...requests: Request[]) {
    const texts: string[] = []
    for (const request of requests) texts.push(await (await cache.handle(request, handler)).text())
    return texts
  }

  describe('freshness', () => {
    it('serves a fresh page from another process, with Age, ETag and Cache-Status', async () => {
      const { handler, requests } = counting({
        'cache-control': 'max-age=60',
        'content-type': 'text/html',
      })
      const first = await make().handle(get(), handler)
      expect(status(first)).toBe('cache; fwd=uri-miss; fwd-status=200; stored')
      const second = await make({}, other).handle(get(), handler)
      expect(await second.text()).toBe('render 1')
      expect(status(second)).toMatch(/^cache; hit; ttl=(60|5\d)$/)
      expect(second.headers.get('content-type')).toBe('text/html')
      expect(second.headers.get('etag')).toBe(first.headers.get('etag'))
      expect(Number(second.headers.get('age'))).toBeGreaterThanOrEqual(0)
      expect(second.headers.get('content-length')).toBe('8')
      expect(requests).toHaveLength(1)
    })

    it('counts the Age that a response arrived with', async () => {
      const { handler } = counting({ 'cache-control': 'max-age=60', age: '50' })
      const cache = make()
      await cache.handle(get(), handler)
      const hit = await cache.handle(get(), handler)
      expect(status(hit)).toMatch(/^cache; hit; ttl=(10|[0-9])$/)
      expect(Number(hit.headers.get('age'))).toBeGreaterThanOrEqual(50)
    })

    it('prefers s-maxage to max-age, and CDN-Cache-Control to both', async () => {
      const shared = counting({ 'cache-control': 'max-age=0, s-maxage=60' })
      expect(await bodies(make(), shared.handler, get(), get())).toEqual(['render 1', 'render 1'])
      const targeted = counting({ 'cache-control': 'no-store', 'cdn-cache-control': 'max-age=60' })
      const url = 'https://shop.test/targeted'
      expect(await bodies(make(), targeted.handler, get({}, url), get({}, url))).toEqual([
        'render 1',
        'render 1',
      ])
    })

    it('stores responses without a lifetime only with defaultTtl', async () => {
      const plain = counting({})
      expect(await bodies(make(), plain.handler, get(), get())).toEqual(['render 1', 'render 2'])
      const cache = make({ defaultTtl: '1m', prefix: `${prefix}d` })
      expect(await bodies(cache, plain.handler, get(), get())).toEqual(['render 3', 'render 3'])
      const missing = counting({}, 404)
      const url = 'https://shop.test/missing'
      expect(await bodies(cache, missing.handler, get({}, url), get({}, url))).toEqual([
        'render 1',
        'render 2',
      ])
    })

    it('renders again once a page is stale', async () => {
      const { handler, requests } = counting({ 'cache-control': 'max-age=1' })
      const cache = make()
      await cache.handle(get(), handler)
      await eventually(async () => {
        const response = await cache.handle(get(), handler)
        return status(response).startsWith('cache; fwd=stale; fwd-status=200; stored')
      })
      expect(requests.length).toBe(2)
    })
  })

  describe('what is private', () => {
    it.each([
      ['private', { 'cache-control': 'private, max-age=60' }],
      ['Private in capitals', { 'cache-control': 'Private, Max-Age=60' }],
      ['no-store', { 'cache-control': 'no-store, max-age=60' }],
      ['no-cache', { 'cache-control': 'no-cache, max-age=60' }],
      ['a cookie', { 'cache-control': 'public, max-age=60', 'set-cookie': 'session=1' }],
      ['Vary: *', { 'cache-control': 'max-age=60', vary: '*' }],
    ] as [string, Record<string, string>][])('does not store %s', async (_, headers) => {
      const { handler } = counting(headers)
      expect(await bodies(make(), handler, get(), get())).toEqual(['render 1', 'render 2'])
    })

    it.each(['authorization', 'cookie'])(
      'stores a response to a request with %s only if it says that it is public',
      async (header) => {
        const personal = counting()
        const mine = (value: string): Request => get({ [header]: value })
        const cache = make()
        expect(await bodies(cache, personal.handler, mine('a'), mine('b'))).toEqual([
          'render 1',
          'render 2',
        ])
        const common = counting({ 'cache-control': 'public, max-age=60' })
        const url = 'https://shop.test/common'
        const requests = ['a', 'b'].map((value) => get({ [header]: value }, url))
        expect(await bodies(cache, common.handler, ...requests)).toEqual(['render 1', 'render 1'])
      },
    )

    it('stores a page for each cookie that its Vary names, but not for Authorization', async () => {
      const vary = 'cookie, authorization'
      const { handler } = counting({ 'cache-control': 'max-age=60', vary })
      const cookies = ['a=1', 'b=2', 'a=1'].map((cookie) => get({ cookie }))
      const cache = make()
      expect(await bodies(cache, handler, ...cookies)).toEqual(['render 1', 'render 2', 'render 1'])
      const both = get({ cookie: 'a=1', authorization: 'x' })
      expect(await bodies(cache, handler, both, both)).toEqual(['render 3', 'render 4'])
    })

    it('keeps the pages of visitors with credentials apart from those without', async () => {
      const { handler } = counting({ 'cache-control': 'public, max-age=60' })
      const requests = [get(), get({ cookie: 'a=1' }), get(), get({ cookie: 'b=2' })]
      expect(await bodies(make(), handler, ...requests)).toEqual([
        'render 1',
        'render 2',
        'render 1',
        'render 2',
      ])
    })

    it('gives a private page to no request that waited for it', async () => {
      const gate = new Gate()
      let renders = 0
      const handler: Handler = async (request) => {
        renders++
        await gate.opened
        return new Response(`for ${request.headers.get('x-user')}`, {
          headers: { 'cache-control': 'private' },
        })
      }
      const caches = [make(), make(), make({}, other)]
      const users = caches.map((_, i) => String(i))
      const answers = caches.map((cache, i) => cache.handle(get({ 'x-user': users[i]! }), handler))
      await eventually(() => renders > 0)
      gate.open()
      const texts = await Promise.all((await Promise.all(answers)).map((answer) => answer.text()))
      expect(texts).toEqual(users.map((user) => `for ${user}`))
    })

    it('lets requests for a private page run side by side', async () => {
      const { handler } = counting({ 'cache-control': 'private' })
      const cache = make()
      await cache.handle(get(), handler)
      let running = 0
      const gate = new Gate()
      const slow: Handler = async () => {
        running++
        await gate.opened
        return new Response('', { headers: { 'cache-control': 'private' } })
      }
      const answers = [1, 2, 3].map(() => cache.handle(get(), slow))
      await eventually(() => running === 3)
      gate.open()
      await Promise.all(answers)
    })
  })

  describe('requests', () => {
    it('answers 304 to a client that has the page, also on a miss', async () => {
      const { handler, requests } = counting({ 'cache-control': 'max-age=60', etag: '"v1"' })
      const cache = make()
      const miss = await cache.handle(get({ 'if-none-match': '"v0", W/"v1"' }), handler)
      expect(miss.status).toBe(304)
      expect(requests[0]!.headers.get('if-none-match')).toBeNull()
      const hit = await cache.handle(get({ 'if-none-match': '"v1"' }), handler)
      expect(hit.status).toBe(304)
      expect(hit.headers.get('etag')).toBe('"v1"')
      expect(hit.headers.get('cache-control')).toBe('max-age=60')
      expect(hit.headers.get('content-type')).toBeNull()
      const changed = await cache.handle(get({ 'if-none-match': '"v2"' }), handler)
      expect(await changed.text()).toBe('render 1')
    })

    it('compares dates if there is no entity tag', async () => {
      const { handler } = counting({
        'cache-control': 'max-age=60',
        'last-modified': 'Sun, 06 Nov 2022 08:49:37 GMT',
      })
      const cache = make()
      await cache.handle(get(), handler)
      const since = (date: string) => cache.handle(get({ 'if-modified-since': date }), handler)
      expect((await since('Sun, 06 Nov 2022 08:49:37 GMT')).status).toBe(304)
      expect((await since('Sun, 06 Nov 2022 08:49:36 GMT')).status).toBe(200)
      expect((await since('yesterday')).status).toBe(200)
    })

    it('answers HEAD from the page of GET, and stores no answer to HEAD', async () => {
      const { handler, requests } = counting()
      const cache = make()
      await cache.handle(new Request(URL_, { method: 'HEAD' }), handler)
      await cache.handle(get(), handler)
      const head = await cache.handle(new Request(URL_, { method: 'HEAD' }), handler)
      expect(head.headers.get('content-length')).toBe('8')
      expect(await head.text()).toBe('')
      expect(requests.map(({ method }) => method)).toEqual(['HEAD', 'GET'])
    })

    it('passes requests for a range and skipped requests by', async () => {
      const { handler } = counting()
      const cache = make({ skip: (request) => request.headers.has('x-preview') })
      await cache.handle(get(), handler)
      for (const headers of [{ range: 'bytes=0-1' }, { 'x-preview': '1' }]) {
        const response = await cache.handle(get(headers as Record<string, string>), handler)
        expect(status(response)).toBe('cache; fwd=bypass')
      }
    })

    it('keeps hosts and queries apart, and pages with the same key together', async () => {
      const { handler } = counting()
      const urls = ['https://a.test/p', 'https://b.test/p', 'https://a.test/p?x=1']
      expect(await bodies(make(), handler, ...urls.map((url) => get({}, url)))).toEqual([
        'render 1',
        'render 2',
        'render 3',
      ])
      const cache = make({ key: (_, url) => url.pathname, prefix: `${prefix}k` })
      const tracked = ['https://a.test/p?utm=1', 'https://a.test/p?utm=2']
      expect(await bodies(cache, handler, ...tracked.map((url) => get({}, url)))).toEqual([
        'render 4',
        'render 4',
      ])
    })

    it('takes URLs, headers and tags of any length and content', async () => {
      const { handler } = counting({
        'cache-control': 'max-age=60',
        vary: 'x-any',
        'cache-tag': `${'t'.repeat(9_000)}, {a}:b %, ü`,
      })
      const cache = make()
      const url = `https://shop.test/${'ü{}:%00/'.repeat(2_000)}?${'q'.repeat(9_000)}`
      const any = get({ 'x-any': 'v'.repeat(9_000) }, url)
      expect(await bodies(cache, handler, any, any)).toEqual(['render 1', 'render 1'])
      await cache.purgeTags('t'.repeat(9_000))
      expect(await bodies(cache, handler, any)).toEqual(['render 2'])
    })
  })

  describe('Vary', () => {
    const handler: Handler = (request) =>
      new Response(`in ${request.headers.get('accept-language')}`, {
        headers: { 'cache-control': 'max-age=60', vary: 'Accept-Language' },
      })

    it('stores a variant for each value of the headers that a page varies by', async () => {
      const cache = make()
      const requests = ['de', 'fr', 'de', 'fr', 'de ,  fr', 'de,fr'].map((language) =>
        get({ 'accept-language': language }),
      )
      const seen: string[] = []
      for (const request of requests) seen.push(status(await cache.handle(request, handler)))
      expect(seen.map((line) => line.split(';')[1]!.trim())).toEqual([
        'fwd=uri-miss',
        'fwd=vary-miss',
        'hit',
        'hit',
        'fwd=vary-miss',
        'hit',
      ])
      expect(await bodies(cache, handler, requests[0]!, requests[1]!)).toEqual(['in de', 'in fr'])
    })

    it('gives no request that waited the variant of another one', async () => {
      const gate = new Gate()
      const slow: Handler = async (request) => {
        await gate.opened
        return handler(request)
      }
      const languages = ['de', 'fr', 'it', 'de', 'fr', 'it']
      const answers = languages.map((language, i) =>
        make({}, i % 2 ? other : client).handle(get({ 'accept-language': language }), slow),
      )
      await sleep(50)
      gate.open()
      const texts = await Promise.all((await Promise.all(answers)).map((answer) => answer.text()))
      expect(texts).toEqual(languages.map((language) => `in ${language}`))
    })
  })

  describe('one rendering', () => {
    it('renders a cold page once for 2 processes × 25 requests', async () => {
      const gate = new Gate()
      let renders = 0
      const handler: Handler = async () => {
        renders++
        await gate.opened
        return new Response('page', { headers: { 'cache-control': 'max-age=60' } })
      }
      const caches = [make({ waitFor: '30s' }), make({ waitFor: '30s' }, other)]
      const answers = Array.from({ length: 50 }, (_, i) => caches[i % 2]!.handle(get(), handler))
      await eventually(() => renders > 0)
      await sleep(50)
      gate.open()
      const texts = await Promise.all((await Promise.all(answers)).map((answer) => answer.text()))
      expect(new Set(texts)).toEqual(new Set(['page']))
      expect(renders).toBe(1)
    })

    it('renders a cold page with tags that nobody has used before once', async () => {
      const { handler, requests } = counting({ 'cache-control': 'max-age=60', 'cache-tag': 'new' })
      const caches = [make(), make({}, other)]
      await Promise.all(Array.from({ length: 10 }, (_, i) => caches[i % 2]!.handle(get(), handler)))
      expect(requests).toHaveLength(1)
    })

    it('does not end the rendering when the client that began it leaves', async () => {
      const leaving = new AbortController()
      const request = new Request(URL_, { signal: leaving.signal })
      const gate = new Gate()
      let signal: AbortSignal | undefined
      const answer = make().handle(request, async (forwarded) => {
        signal = forwarded.signal
        await gate.opened
        return new Response('page', { headers: { 'cache-control': 'max-age=60' } })
      })
      await eventually(() => signal)
      leaving.abort()
      expect(signal!.aborted).toBe(false)
      gate.open()
      expect(await (await answer).text()).toBe('page')
    })

    it('rejects with the error of the handler, and stores nothing', async () => {
      const cache = make()
      await expect(
        cache.handle(get(), () => {
          throw new Error('broken')
        }),
      ).rejects.toThrow('broken')
      expect(await bodies(cache, counting().handler, get())).toEqual(['render 1'])
    })
  })

  describe('stale pages', () => {
    const stale = async (cache: HttpCache): Promise<void> => {
      await eventually(async () => {
        const head = new Request(URL_, { method: 'HEAD' })
        const response = await cache.handle(head, () => new Response(null, { status: 599 }))
        return response.status === 599 || /ttl=-/.test(status(response))
      })
    }

    it('asks the handler whether a stale page has changed', async () => {
      const seen: (string | null)[] = []
      const handler: Handler = ({ headers }) => {
        seen.push(headers.get('if-none-match'))
        const common = { 'cache-control': 'max-age=1', etag: '"v1"' }
        return headers.has('if-none-match')
          ? new Response(null, { status: 304, headers: { ...common, 'x-round': '2' } })
          : new Response('page', { headers: common })
      }
      const cache = make()
      await cache.handle(get(), handler)
      await stale(cache)
      const response = await make({}, other).handle(get(), handler)
      expect(await response.text()).toBe('page')
      expect(response.headers.get('x-round')).toBe('2')
      expect(status(response)).toContain('fwd=stale; fwd-status=304; stored')
      expect(seen).toEqual([null, '"v1"'])
    })

    it('serves a stale page while one process renders it again', async () => {
      const headers = { 'cache-control': 'max-age=1, stale-while-revalidate=60' }
      const { handler, requests } = counting(headers)
      const caches = [make(), make({}, other)]
      await caches[0]!.handle(get(), handler)
      await stale(caches[0]!)
      const gate = new Gate()
      let renders = 0
      const slow: Handler = async (request) => {
        renders++
        await gate.opened
        return handler(request)
      }
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) => caches[i % 2]!.handle(get(), slow)),
      )
      for (const answer of answers) {
        expect(await answer.text()).toBe('render 1')
        expect(status(answer)).toMatch(/^cache; hit; ttl=-\d+$/)
      }
      gate.open()
      await Promise.all(caches.map((cache) => cache.idle()))
      expect(renders).toBe(1)
      expect(requests).toHaveLength(2)
    })

    it('renders a whole page again after a HEAD for a stale one', async () => {
      const headers = { 'cache-control': 'max-age=1, stale-while-revalidate=60' }
      const { handler, requests } = counting(headers)
      const cache = make()
      await cache.handle(get(), handler)
      await eventually(async () => {
        await cache.handle(new Request(URL_, { method: 'HEAD' }), handler)
        await cache.idle()
        return requests.length > 1
      })
      expect(requests.map(({ method }) => method)).toEqual(['GET', 'GET'])
      expect(await bodies(cache, handler, get())).toEqual(['render 2'])
    })

    it.each([
      ['answers 503', () => new Response('down', { status: 503 })],
      [
        'throws',
        () => {
          throw new Error('broken')
        },
      ],
    ])('keeps a stale page if the handler %s in the background', async (_, failing) => {
      const headers = { 'cache-control': 'max-age=1, stale-while-revalidate=60' }
      const { handler } = counting(headers)
      const cache = make()
      await cache.handle(get(), handler)
      await stale(cache)
      for (let i = 0; i < 3; i++) {
        const response = await cache.handle(get(), failing)
        expect(await response.text()).toBe('render 1')
        await cache.idle()
      }
    })

    it('serves a stale page if the handler fails and stale-if-error allows it', async () => {
      const { handler } = counting({ 'cache-control': 'max-age=1, stale-if-error=60' })
      const cache = make()
      await cache.handle(get(), handler)
      await stale(cache)
      const down = await cache.handle(get(), () => new Response('down', { status: 503 }))
      expect(await down.text()).toBe('render 1')
      expect(status(down)).toMatch(/fwd=stale; fwd-status=503; ttl=-\d+; detail=stale-if-error/)
      const thrown = await cache.handle(get(), () => {
        throw new Error('broken')
      })
      expect(await thrown.text()).toBe('render 1')
    })

    it.each([
      ['a HEAD request', 'HEAD', []],
      ['a page that is not shared', 'GET', [() => new Response('mine')]],
    ] as const)('does so for %s', async (_, method, before) => {
      const { handler } = counting({ 'cache-control': 'max-age=1, stale-if-error=60' })
      const cache = make()
      await cache.handle(get(), handler)
      await stale(cache)
      for (const each of before) await cache.handle(get(), each)
      const failing = [
        () => new Response('down', { status: 503 }),
        () => {
          throw new Error('broken')
        },
      ]
      for (const each of failing) {
        const response = await cache.handle(new Request(URL_, { method }), each)
        expect(response.status).toBe(200)
        expect(status(response)).toContain('detail=stale-if-error')
      }
    })

    it('does not wait for the other branch of a response that was cloned', async () => {
      const { handler } = counting({ 'cache-control': 'max-age=1, stale-if-error=60' })
      const cache = make()
      await cache.handle(get(), handler)
      await stale(cache)
      const kept: Response[] = []
      const failing = () => {
        const response = new Response('down', { status: 503 })
        kept.push(response.clone()) // Somebody may read it later, for a log.
        return response
      }
      expect(await (await cache.handle(get(), failing)).text()).toBe('render 1')
      expect(await kept[0]!.text()).toBe('down')
    })

    it('does not serve a stale page that must be revalidated', async () => {
      const directives = 'max-age=1, stale-if-error=60, stale-while-revalidate=60, must-revalidate'
      const { handler } = counting({ 'cache-control': directives })
      const cache = make()
      await cache.handle(get(), handler)
      await stale(cache)
      const response = await cache.handle(get(), () => new Response('down', { status: 503 }))
      expect(response.status).toBe(503)
      expect(await response.text()).toBe('down')
    })
  })

  describe('purges', () => {
    it('purges by tag, in all processes, and removes the header', async () => {
      const { handler } = counting({ 'cache-control': 'max-age=60', 'cache-tag': 'product:1, all' })
      const [cache, elsewhere] = [make(), make({}, other)]
      const first = await cache.handle(get(), handler)
      expect(first.headers.has('cache-tag')).toBe(false)
      expect(await bodies(elsewhere, handler, get())).toEqual(['render 1'])
      await elsewhere.purgeTags('product:2')
      expect(await bodies(cache, handler, get())).toEqual(['render 1'])
      await elsewhere.purgeTags(['product:1'])
      expect(await bodies(cache, handler, get())).toEqual(['render 2'])
      expect(await bodies(elsewhere, handler, get())).toEqual(['render 2'])
    })

    it.each(['red shoes', 'red,shoes'])(
      'purges by the tag %j, which a header splits',
      async (tag) => {
        const { handler } = counting({ 'cache-control': 'max-age=60', 'cache-tag': tag })
        const whole = counting({ 'cache-control': 'max-age=60' })
        const cache = make()
        const given = make({ prefix: `${name} given`, tags: () => [tag] })
        await cache.handle(get(), handler)
        await given.handle(get(), whole.handler)
        await cache.purgeTags(tag)
        await given.purgeTags(tag)
        expect(await bodies(cache, handler, get())).toEqual(['render 2'])
        expect(await bodies(given, whole.handler, get())).toEqual(['render 2'])
      },
    )

    it('purges all queries and variants of a URL', async () => {
      const { handler } = counting({ 'cache-control': 'max-age=60', vary: 'accept' })
      const cache = make()
      const requests = [
        get(),
        get({}, `${URL_}?q=1`),
        get({ accept: 'a' }),
        get({}, 'https://shop.test/other'),
      ]
      await bodies(cache, handler, ...requests)
      await make({}, other).purgeUrls(`${URL_}?anything`)
      expect(await bodies(cache, handler, ...requests)).toEqual([
        'render 5',
        'render 6',
        'render 7',
        'render 4',
      ])
      await expect(cache.purgeUrls('/page')).rejects.toThrow(UsageError)
    })

    it.each([
      ['a tag', (cache: HttpCache) => cache.purgeTags('t')],
      ['a URL', (cache: HttpCache) => cache.purgeUrls(URL_)],
    ])('stores no page that was rendered before the purge of %s', async (_, purge) => {
      for (let round = 0; round < 20; round++) {
        const url = URL_
        const gate = new Gate()
        let rendering = false
        const old = make().handle(get({}, url), async () => {
          rendering = true
          await gate.opened
          return new Response('old', {
            headers: { 'cache-control': 'max-age=60', 'cache-tag': 't' },
          })
        })
        await eventually(() => rendering, { every: 1 })
        await purge(make({}, other))
        gate.open()
        await (await old).text()
        const fresh: Handler = () =>
          new Response('new', { headers: { 'cache-control': 'max-age=60', 'cache-tag': 't' } })
        expect(await bodies(make(), fresh, get({}, url))).toEqual(['new'])
        await make().purgeUrls(url)
      }
    })

    it.each([
      ['a tag', (cache: HttpCache) => cache.purgeTags('t')],
      ['a URL', (cache: HttpCache) => cache.purgeUrls(URL_)],
    ])('lets no later request join a rendering from before the purge of %s', async (_, purge) => {
      const cache = make()
      const headers = { 'cache-control': 'max-age=60', 'cache-tag': 't' }
      const gate = new Gate()
      let rendering = false
      const old = cache.handle(get(), async () => {
        rendering = true
        await gate.opened
        return new Response('old', { headers })
      })
      await eventually(() => rendering, { every: 1 })
      const early = cache.handle(get(), () => new Response('early', { headers }))
      await purge(make({}, other))
      const late = cache.handle(get(), () => new Response('late', { headers }))
      await sleep(50)
      gate.open()
      expect(await (await old).text()).toBe('old')
      expect(await (await early).text()).toMatch(/old|early|late/)
      expect(await (await late).text()).toMatch(/early|late/)
      expect(await bodies(cache, () => new Response('new', { headers }), get())).not.toEqual([
        'old',
      ])
    })

    it.each([
      ['location', '/created'],
      ['content-location', 'https://shop.test/created'],
    ])('purges the URL that a request has changed, and its %s, at once', async (header, target) => {
      const { handler } = counting()
      const [cache, elsewhere] = [make(), make({}, other)]
      const created = 'https://shop.test/created'
      await bodies(cache, handler, get(), get({}, created))
      const post = (code: number) =>
        elsewhere.handle(
          new Request(URL_, { method: 'POST', body: 'x' }),
          () => new Response('', { status: code, headers: { [header]: target } }),
        )
      await post(500)
      expect(await bodies(cache, handler, get(), get({}, created))).toEqual([
        'render 1',
        'render 2',
      ])
      expect(status(await post(201))).toBe('cache; fwd=method')
      expect(await bodies(cache, handler, get(), get({}, created))).toEqual([
        'render 3',
        'render 4',
      ])
    })

    it('does not let a request purge pages of another host', async () => {
      const { handler } = counting()
      const cache = make()
      const url = 'https://other.test/page'
      await cache.handle(get({}, url), handler)
      const headers = { location: url, 'content-location': url }
      const post = new Request(URL_, { method: 'POST' })
      await cache.handle(post, () => new Response('', { status: 201, headers }))
      expect(await bodies(cache, handler, get({}, url))).toEqual(['render 1'])
    })

    it('remembers tags for a bounded time', async () => {
      const { handler } = counting({ 'cache-control': 'max-age=60', 'cache-tag': 'a b c' })
      const cache = make({ maxTtl: '1m', keepStale: '1m' })
      await cache.handle(get(), handler)
      await cache.purgeTags(['a', 'never used'])
      const keys = (await client.send({
        args: ['KEYS', '*version-of*'],
        keys: ['any'],
      })) as string[]
      const ttls = await Promise.all(
        keys.map((key) => client.send({ args: ['PTTL', key], keys: [key] })),
      )
      const own = keys.map((key, i) => [key, Number(ttls[i])] as const)
      const mine = own.filter(([key]) => key.includes(`:${prefix} `))
      expect(mine.length).toBeGreaterThanOrEqual(4)
      for (const [, ttl] of mine) expect(ttl).toBeLessThanOrEqual(300_000)
    })
  })

  describe('bodies', () => {
    it('streams a body over the limit without collecting it', async () => {
      let sent = 0
      const chunk = new Uint8Array(1_000)
      const endless: Handler = () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              sent += chunk.length
              controller.enqueue(chunk)
            },
          }),
          { headers: { 'cache-control': 'max-age=60' } },
        )
      const response = await make({ maxBodyBytes: 10_000 }).handle(get(), endless)
      expect(status(response)).toBe('cache; fwd=uri-miss; detail=too-large')
      const reader = response.body!.getReader()
      let read = 0
      while (read < 50_000) read += (await reader.read()).value!.length
      await reader.cancel()
      expect(sent).toBeLessThan(70_000)
    })

    it('passes on a body that declares more than the limit as it is', async () => {
      const handler: Handler = () =>
        new Response('x'.repeat(2_000), {
          headers: { 'cache-control': 'max-age=60', 'content-length': '2000' },
        })
      const response = await make({ maxBodyBytes: 1_000 }).handle(get(), handler)
      expect((await response.text()).length).toBe(2_000)
    })

    it('does not store a body that breaks off', async () => {
      const cache = make()
      const broken: Handler = () =>
        new Response('half', { headers: { 'cache-control': 'max-age=60', 'content-length': '8' } })
      expect(status(await cache.handle(get(), broken))).toContain('detail=incomplete')
      const failing: Handler = () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(new Uint8Array(3))
              controller.error(new Error('broke off'))
            },
          }),
          { headers: { 'cache-control': 'max-age=60' } },
        )
      await expect(make().handle(get({}, 'https://shop.test/failing'), failing)).rejects.toThrow(
        'broke off',
      )
      expect(await bodies(make(), counting().handler, get())).toEqual(['render 1'])
    })

    it('does not wait for the end of a stream of events, with defaultTtl', async () => {
      const cache = make({ defaultTtl: '1m' })
      const endless: Handler = () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(Buffer.from('data: 1\n\n'))
            },
          }),
          { headers: { 'content-type': 'text/event-stream; charset=utf-8' } },
        )
      const answer = cache.handle(new Request('https://shop.test/events'), endless)
      const late = new Promise((resolve) => setTimeout(resolve, 1_000, 'late'))
      const response = await Promise.race([answer, late])
      expect(response).toBeInstanceOf(Response)
      await (response as Response).body!.cancel()
    })

    it('returns bytes as they were', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      const handler: Handler = () =>
        new Response(bytes, { headers: { 'cache-control': 'max-age=60' } })
      const cache = make()
      await cache.handle(get(), handler)
      const hit = await cache.handle(get(), handler)
      expect(new Uint8Array(await hit.arrayBuffer())).toEqual(bytes)
    })
  })

  it('reads entries that it cannot decode as missing', async () => {
    const { handler } = counting()
    const cache = make()
    await cache.handle(get(), handler)
    const keys = (await client.send({
      args: ['KEYS', `*${prefix}:p:*`],
      keys: ['any'],
    })) as string[]
    for (const key of keys)
      await client.send({ args: ['SETRANGE', key, '12', 'garbage'], keys: [key] })
    expect(await bodies(cache, handler, get())).toEqual(['render 2'])
  })
})
