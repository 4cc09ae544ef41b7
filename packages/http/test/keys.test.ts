import { createCacheClient, type CacheClient } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHttpCache, type Handler, type HttpCache } from '../src/index.js'

let client: CacheClient
let cache: HttpCache
beforeEach(() => {
  client = createCacheClient(memoryDriver({ server: new MemoryServer() }))
  cache = createHttpCache({ client, prefix: 'pages' })
})
afterEach(() => client.close())

const page = { 'cache-control': 'max-age=60' }

describe('keys', () => {
  it('keeps a redirect to https apart from the page it leads to', async () => {
    const handler: Handler = ({ url }) =>
      url.startsWith('http:')
        ? new Response(null, {
            status: 301,
            headers: { ...page, location: url.replace('http', 'https') },
          })
        : new Response('page', { headers: page })
    await cache.handle(new Request('http://shop.test/page'), handler)
    const response = await cache.handle(new Request('https://shop.test/page'), handler)
    expect(response.status).toBe(200)
  })

  it.each(['/caf%c3%a9', '/caf%C3%A9', '/%63af%C3%A9'])('purges /café at %s', async (path) => {
    let renders = 0
    const handler: Handler = () => new Response(`render ${++renders}`, { headers: page })
    const ask = async () =>
      (await cache.handle(new Request(`https://shop.test${path}`), handler)).text()
    await ask()
    await cache.purgeUrls('https://shop.test/café')
    expect(await ask()).toBe('render 2')
  })

  it('finds variants whose Vary names more headers than that of others', async () => {
    const handler: Handler = ({ headers }) => {
      const isGerman = headers.get('accept-language') === 'de'
      return new Response('page', {
        headers: { ...page, vary: isGerman ? 'accept-language' : 'accept-language, accept' },
      })
    }
    const ask = async (language: string, accept: string) => {
      const headers = { 'accept-language': language, accept }
      const response = await cache.handle(new Request('https://shop.test/', { headers }), handler)
      return response.headers.get('cache-status')
    }
    await ask('de', 'a')
    await ask('fr', 'a')
    await ask('fr', 'b')
    expect(await ask('fr', 'b')).toContain('hit')
    expect(await ask('fr', 'a')).toContain('hit')
  })
})
