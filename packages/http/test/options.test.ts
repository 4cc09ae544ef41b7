import { createCacheClient, InvalidOptionError } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { eventually } from '@cache/testkit'
import fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import * as forExpress from '../src/adapters/express.js'
import * as forFastify from '../src/adapters/fastify.js'
import * as forHono from '../src/adapters/hono.js'
import { createHttpCache, createIdempotency } from '../src/index.js'

const client = createCacheClient(memoryDriver({ server: new MemoryServer() }))
const scope = () => ''

describe('options', () => {
  it.each([
    ['client', { client: {} }],
    ['prefix', { prefix: '' }],
    ['prefix', { prefix: undefined }],
    ['defaultTtl', { defaultTtl: '1 fortnight' }],
    ['maxTtl', { maxTtl: 0 }],
    ['keepStale', { keepStale: false }],
    ['maxBodyBytes', { maxBodyBytes: '1 huge' }],
    ['credentials', { credentials: 'cookie' }],
    ['credentials', { credentials: ['no header'] }],
    ['key', { key: 'path' }],
    ['skip', { skip: true }],
    ['tagHeader', { tagHeader: 'cache tag' }],
    ['tags', { tags: ['a'] }],
    ['name', { name: '' }],
    ['ttl', { ttl: '1m' }],
  ])('createHttpCache names the option %s: %o', (option, given) => {
    const create = () => createHttpCache({ client, prefix: 'p', ...(given as object) })
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow(`"${option}"`)
  })

  it.each([
    ['scope', { scope: undefined }],
    ['ttl', { ttl: 'never' }],
    ['claimTtl', { claimTtl: -1 }],
    ['afterCrash', { afterCrash: 'retry' }],
    ['onOutage', { onOutage: 'allow' }],
    ['required', { required: 'yes' }],
    ['methods', { methods: ['post'] }],
    ['header', { header: '' }],
    ['keep', { keep: [200] }],
    ['maxRequestBytes', { maxRequestBytes: -1 }],
  ])('createIdempotency names the option %s: %o', (option, given) => {
    const create = () => createIdempotency({ client, prefix: 'p', scope, ...(given as object) })
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow(`"${option}"`)
  })

  it('adapters name what is missing', async () => {
    expect(() => forExpress.responseCache({} as never)).toThrow('"cache"')
    expect(() => forExpress.idempotencyKeys({} as never)).toThrow('"idempotency"')
    expect(() => forHono.idempotencyKeys({} as never)).toThrow('"idempotency"')
    const cache = createHttpCache({ client, prefix: 'p' })
    expect(() => forHono.responseCache({ cache } as never)).toThrow('"app"')
    await expect(fastify().register(forFastify.responseCache, {} as never)).rejects.toThrow(
      '"cache"',
    )
  })

  it('works on the driver in memory, and ignores the defaults of the client', async () => {
    const withDefaults = createCacheClient(memoryDriver({ server: new MemoryServer() }), {
      defaults: { ttl: '1h', negativeTtl: '1h', staleWhileRevalidate: '1h', earlyRefresh: true },
    })
    const cache = createHttpCache({ client: withDefaults, prefix: 'p' })
    let renders = 0
    const handle = (headers: Record<string, string>) =>
      cache.handle(new Request('http://a/'), () => new Response(`${++renders}`, { headers }))
    await handle({ 'cache-control': 'private' })
    // For a second, nobody stores a page that was private.
    const isHit = async () =>
      (await handle({ 'cache-control': 'max-age=60' })).headers.get('cache-status')?.includes('hit')
    await eventually(isHit)
    expect(await (await handle({})).text()).toBe(String(renders))
    await withDefaults.close()
  })
})
