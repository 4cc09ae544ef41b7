import { startRedis, type RedisServer } from '@cache/testkit'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { IncrementalCacheHandlerOptions } from '../src/index.js'
import { allKeys, clientNames, Clients, keysWithoutTtl } from './clients.js'
import { fetched, HOUR, incrementalInstance, lifetime, now, page } from './entries.js'

const forPage = { kind: 'APP_PAGE', isFallback: false }
const stored = { cacheControl: lifetime }

describe.each(clientNames)('createIncrementalCacheHandler on %s', (name) => {
  const clients = new Clients()
  let server: RedisServer
  const instance = (options: Partial<IncrementalCacheHandlerOptions> = {}) =>
    incrementalInstance({ client: clients.create(name, server.url), ...options })
  let one: ReturnType<typeof incrementalInstance>
  let other: ReturnType<typeof incrementalInstance>
  beforeAll(async () => {
    server = await startRedis()
  })
  beforeEach(() => {
    one = instance()
    other = instance()
  })
  afterEach(async () => {
    await clients.end()
    await server.cli('FLUSHALL')
  })
  afterAll(() => server.stop())

  /** Renders a page, as a request does that found none. */
  async function render(
    on: ReturnType<typeof incrementalInstance>,
    html: string,
    tags: readonly string[] = [],
    cacheControl = lifetime as { revalidate: number | false; expire: number | undefined },
  ) {
    const request = on()
    await request.get('/p', forPage)
    await request.set('/p', page(html, tags), { cacheControl })
  }

  /** Returns the page, and whether Next.js would regenerate it. */
  async function look(on: ReturnType<typeof incrementalInstance>, context = {}) {
    const answer = await on(context).get('/p', forPage)
    if (!answer) return null
    const { revalidate, expire } = answer.cacheControl!
    const age = now() - answer.lastModified
    return {
      html: answer.value.html as string,
      isStale: revalidate !== false && age > revalidate * 1_000,
      isExpired: expire !== undefined && age > expire * 1_000,
    }
  }

  it.each([
    ['APP_PAGE', page('<p>', ['a'])],
    [
      'APP_PAGE',
      { ...page('shell'), rscData: undefined, postponed: 'state', segmentData: new Map() },
    ],
    ['APP_ROUTE', { kind: 'APP_ROUTE', body: Buffer.from([0, 255]), status: 201, headers: {} }],
    [
      'PAGES',
      { kind: 'PAGES', html: '<p>', pageData: { props: {} }, headers: undefined, status: 200 },
    ],
    ['PAGES', { kind: 'REDIRECT', props: { pageProps: { __N_REDIRECT: '/b' } } }],
    ['PAGES', null],
    [
      'IMAGE',
      {
        kind: 'IMAGE',
        etag: 'e',
        upstreamEtag: 'u',
        buffer: Buffer.from([1, 0, 255]),
        extension: 'png',
      },
    ],
  ])('keeps an entry of kind %s with its Buffers and Maps: %o', async (kind, value) => {
    const copy = structuredClone(value)
    await one().set('/p', value, stored)
    expect(structuredClone(value)).toEqual(copy)
    const answer = (await other().get('/p', { kind, isFallback: false }))!
    expect(answer.value).toEqual(value)
    expect(answer.cacheControl).toEqual(lifetime)
    const { body, rscData, buffer, segmentData } = (answer.value ?? {}) as Record<string, unknown>
    for (const bytes of [body, rscData, buffer])
      if (bytes !== undefined) expect(Buffer.isBuffer(bytes)).toBe(true)
    for (const bytes of (segmentData as Map<string, Buffer> | undefined)?.values() ?? [])
      expect(Buffer.isBuffer(bytes)).toBe(true)
  })

  it('keeps data, which Next.js judges by its age', async () => {
    const forData = { kind: 'FETCH', tags: ['a'], softTags: ['_N_T_/p'], revalidate: 60 }
    await one().set('hash', fetched('body', ['a'], 60), { fetchCache: true, tags: ['a'] })
    const answer = (await other().get('hash', forData))!
    expect(answer.value).toEqual(fetched('body', ['a'], 60))
    expect(now() - answer.lastModified).toBeLessThan(30_000)
    await one().revalidateTag('a', { expire: HOUR })
    const stale = (await other().get('hash', forData))!
    expect(now() - stale.lastModified).toBeGreaterThan(60_000)
    // Data that never expires by itself is stale all the same.
    await one().set('forever', fetched('x', [], 4_294_967_294), { fetchCache: true, tags: ['b'] })
    await one().revalidateTag('b', { expire: HOUR })
    const forever = (await other().get('forever', { kind: 'FETCH', tags: ['b'] }))!
    expect((now() - forever.lastModified) / 1_000).toBeGreaterThan(4_294_967_294)
  })

  it.each(['a', '_N_T_/p'])('revalidateTag(%s) holds on every instance for data', async (tag) => {
    const forData = { kind: 'FETCH', tags: ['a'], softTags: ['_N_T_/p'], revalidate: HOUR }
    const set = () => one().set('hash', fetched('body', ['a']), { fetchCache: true, tags: ['a'] })
    await set()
    expect(await other().get('hash', forData)).not.toBeNull()
    await other().revalidateTag([tag])
    expect(await one().get('hash', forData)).toBeNull()
    expect(await other().get('hash', forData)).toBeNull()
  })

  it.each(['a', ' a ', 'x,y', '_N_T_/p', '_N_T_/p,2'])(
    'revalidateTag(%s) holds on every instance for pages',
    async (tag) => {
      for (let i = 0; i < 10; i++) {
        await render(one, `page ${i}`, ['a', ' a ', 'x,y', '_N_T_/p,2', '_N_T_/p'])
        expect(await look(other)).toEqual({ html: `page ${i}`, isStale: false, isExpired: false })
        await (i % 2 ? one : other)().revalidateTag(tag)
        expect(await look(one)).toBeNull()
        expect(await look(other)).toBeNull()
      }
    },
  )

  it('revalidatePath holds for route handlers and for the Pages Router', async () => {
    const route = {
      kind: 'APP_ROUTE',
      body: Buffer.from('x'),
      status: 200,
      headers: { 'x-next-cache-tags': '_N_T_/layout,_N_T_/r/route,_N_T_/r' },
    }
    const forRoute = { kind: 'APP_ROUTE', isFallback: false }
    await one().set('/r', route, stored)
    expect(await other().get('/r', forRoute)).not.toBeNull()
    await other().revalidateTag('_N_T_/r')
    expect(await one().get('/r', forRoute)).toBeNull()
    const legacy = { kind: 'PAGES', html: '<p>', pageData: {}, headers: {}, status: 200 }
    const forPages = { kind: 'PAGES', isFallback: false }
    for (const key of ['/blog/1', '/route-cache/PAGES/0a1b/$/blog/1']) {
      for (const value of [legacy, null, { kind: 'REDIRECT', props: {} }]) {
        const request = one()
        await request.get(key, forPages)
        await request.set(key, value, stored)
        expect(await other().get(key, forPages)).toMatchObject({ value })
        await other().revalidateTag('_N_T_/blog/1')
        expect(await one().get(key, forPages)).toBeNull()
      }
    }
    // Next.js decodes the path in a key, and encodes the path of a revalidation.
    const key = '/route-cache/PAGES/0a1b/$/blog/ü 1'
    await one().set(key, legacy, stored)
    await other().revalidateTag('_N_T_/blog/%C3%BC 1')
    expect(await one().get(key, forPages)).toBeNull()
  })

  it('a page that was rendered before an invalidation is not stored', async () => {
    const request = one()
    await request.get('/p', forPage)
    await other().revalidateTag('a')
    await request.set('/p', page('stale', ['a']), stored)
    expect(await look(one)).toBeNull()
    await render(one, 'fresh', ['a'])
    expect(await look(other)).toMatchObject({ html: 'fresh' })
  })

  it('data that was loaded before an invalidation is not stored', async () => {
    const request = one()
    await request.get('hash', { kind: 'FETCH', tags: ['a'], softTags: [] })
    await other().revalidateTag('a')
    const write = { fetchCache: true, tags: ['a'] }
    await request.set('hash', fetched('stale', ['a']), write)
    expect(await one().get('hash', { kind: 'FETCH', tags: ['a'] })).toBeNull()
    // A load that no get preceded began after its request.
    const forced = one()
    await other().revalidateTag('a')
    await forced.set('hash', fetched('stale', ['a']), write)
    expect(await one().get('hash', { kind: 'FETCH', tags: ['a'] })).toBeNull()
  })

  it('old data that arrives while its request loads it again is not stored', async () => {
    const request = one()
    const get = () => request.get('hash', { kind: 'FETCH', tags: ['a'] })
    const set = (body: string) =>
      request.set('hash', fetched(body, ['a']), { fetchCache: true, tags: ['a'] })
    expect(await get()).toBeNull()
    await other().revalidateTag('a')
    expect(await get()).toBeNull()
    await set('new')
    expect(await get()).toBeNull()
    await set('old')
    expect(await get()).toBeNull()
    // Once all loads of the request have ended, data is stored again.
    await set('new')
    await set('new')
    expect(await get()).toBeNull()
    await set('new')
    expect(await get()).toMatchObject({ value: fetched('new', ['a']) })
  })

  it('serves a stale page while one instance regenerates it', async () => {
    const instances = [one, other, instance(), instance()]
    await render(one, 'old', ['a'])
    await other().revalidateTag('a', { expire: HOUR })
    for (let round = 0; round < 3; round++) {
      const seen = await Promise.all(instances.map((each) => look(each)))
      expect(seen.map((answer) => answer?.html)).toEqual(Array(4).fill('old'))
      expect(seen.filter((answer) => answer?.isStale)).toHaveLength(1)
      expect(seen.some((answer) => answer?.isExpired)).toBe(false)
    }
    await render(one, 'new', ['a'])
    for (const each of instances)
      expect(await look(each)).toEqual({ html: 'new', isStale: false, isExpired: false })
  })

  it('an outdated page is regenerated by one instance', async () => {
    await render(one, 'old', [], { revalidate: 0.05, expire: HOUR })
    await sleep(100)
    const requests = [one, other, one, other].map((each) => look(each))
    const seen = await Promise.all(requests)
    expect(seen.map((answer) => answer?.html)).toEqual(Array(4).fill('old'))
    // The instance that may regenerate it joins its own requests.
    expect(seen.filter((answer) => answer?.isStale)).toHaveLength(2)
  })

  it('another instance regenerates a page if the first one dies', async () => {
    const short = { leaseTtl: 300 }
    const [dies, next] = [instance(short), instance(short)]
    await render(dies, 'old', ['a'])
    await dies().revalidateTag('a', { expire: HOUR })
    expect(await look(dies)).toMatchObject({ isStale: true })
    await expect.poll(() => look(next)).toMatchObject({ html: 'old', isStale: true })
  })

  it('a prefetch does not keep instances from regenerating a page', async () => {
    await render(one, 'old', ['a'])
    await one().revalidateTag('a', { expire: HOUR })
    for (const headers of [{ purpose: 'prefetch' }, { 'next-router-prefetch': '1' }])
      expect(await look(one, { _requestHeaders: headers })).toMatchObject({ html: 'old' })
    expect(await look(other)).toMatchObject({ html: 'old', isStale: true })
  })

  it('a page that cannot be rendered stays stale, and all instances pause', async () => {
    await render(one, 'old', ['a'])
    await one().revalidateTag('a', { expire: HOUR })
    const request = one()
    const previous = (await request.get('/p', forPage))!
    // Next.js stores the previous page again, with a short lifetime.
    await request.set('/p', previous.value, { cacheControl: { revalidate: 3, expire: HOUR } })
    for (const each of [one, other])
      expect(await look(each)).toEqual({ html: 'old', isStale: false, isExpired: false })
    await one().revalidateTag('a')
    expect(await look(other)).toBeNull()
  })

  it('expires pages when the deadline of a revalidation has passed', async () => {
    await render(one, 'old', ['a'])
    await other().revalidateTag('a', { expire: 0.5 })
    expect(await look(one)).toMatchObject({ html: 'old', isStale: true })
    await expect.poll(() => look(one)).toBeNull()
  })

  it('expires a page with its lifetime', async () => {
    await render(one, 'old', [], { revalidate: 0.01, expire: 0.2 })
    await expect.poll(() => look(other)).toBeNull()
    await render(one, 'endless', [], { revalidate: false, expire: undefined })
    expect(await look(other)).toEqual({ html: 'endless', isStale: false, isExpired: false })
    expect(await keysWithoutTtl(clients.create(name, server.url))).toEqual([])
  })

  it('a new build shares data with an old one, and revalidations, but no pages', async () => {
    const next = instance({ deploymentId: 'next build' })
    const apart = instance({ deploymentId: 'next build', shareData: false })
    const forData = { kind: 'FETCH', tags: ['a'], softTags: [] }
    await render(one, 'old build', ['a'])
    await one().set('hash', fetched('body', ['a']), { fetchCache: true, tags: ['a'] })
    expect(await look(next)).toBeNull()
    expect(await next().get('hash', forData)).not.toBeNull()
    expect(await apart().get('hash', forData)).toBeNull()
    await render(next, 'new build', ['a'])
    expect(await look(other)).toMatchObject({ html: 'old build' })
    expect(await look(next)).toMatchObject({ html: 'new build' })
    await next().revalidateTag('a')
    expect(await look(one)).toBeNull()
    expect(await look(next)).toBeNull()
    expect(await one().get('hash', forData)).toBeNull()
  })

  it('takes the id of the build from BUILD_ID', async () => {
    const { mkdtempSync, writeFileSync } = await import('node:fs')
    const { tmpdir } = await import('node:os')
    const { join } = await import('node:path')
    const dist = mkdtempSync(join(tmpdir(), 'next-'))
    writeFileSync(join(dist, 'BUILD_ID'), 'built-1\n')
    const built = instance({ deploymentId: undefined as never })
    const context = { serverDistDir: join(dist, 'server') }
    await built(context).set('/p', page('html'), stored)
    expect((await allKeys(clients.create(name, server.url))).join()).toContain('page:built-1:')
  })
})
