import { createCacheClient } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createHttpCache, type Handler } from '../src/index.js'

/** In the millisecond in which a lifetime ends, it is over. */
describe('at the end of a lifetime', () => {
  const request = () => new Request('https://shop.test/page')
  const page = (cacheControl: string) => (): Response =>
    new Response('page', { headers: { 'cache-control': cacheControl } })
  beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => vi.useRealTimers())

  /** Stores a page, and returns the response of another handler later. */
  async function responseAfter(ms: number, cacheControl: string, handler: Handler) {
    const client = createCacheClient(memoryDriver({ server: new MemoryServer() }))
    const cache = createHttpCache({ client, prefix: 'page' })
    await cache.handle(request(), page(cacheControl))
    vi.advanceTimersByTime(ms)
    const response = await cache.handle(request(), handler)
    await cache.idle()
    await client.close()
    return response
  }

  it.each([
    ['max-age=1', 999, 'page'],
    ['max-age=1', 1_000, 'new'],
    ['max-age=1, stale-while-revalidate=1', 1_999, 'page'],
    ['max-age=1, stale-while-revalidate=1', 2_000, 'new'],
  ])('answers with what %s says after %i ms: %s', async (cacheControl, ms, text) => {
    const response = await responseAfter(ms, cacheControl, () => new Response('new'))
    expect(await response.text()).toBe(text)
  })

  it.each([
    ['max-age=1', 1_000, 'down'],
    ['max-age=1, stale-if-error=1', 1_999, 'page'],
    ['max-age=1, stale-if-error=1', 2_000, 'down'],
  ])('answers a failure with what %s says after %i ms: %s', async (cacheControl, ms, text) => {
    const failing = () => new Response('down', { status: 503 })
    const response = await responseAfter(ms, cacheControl, failing)
    expect(await response.text()).toBe(text)
  })
})
