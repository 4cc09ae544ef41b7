import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { type Stage } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createInvalidationBus, withNearCache } from '../src/index.js'
import { cases } from './cases.js'

describe.each(cases)('entries that do not expire, on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  const closing: CacheClient[] = []
  beforeAll(async () => void (stage = await start()))
  beforeEach(() => stage.flush())
  afterEach(async () => {
    for (const client of closing.splice(0)) await client.close()
  })
  afterAll(() => stage.stop())

  async function textsNear() {
    const client = stage.driver()
    closing.push(client)
    const bus = createInvalidationBus({ client })
    await bus.ready()
    const near = withNearCache(client, { bus })
    const texts = createAside<string>({
      client: near,
      prefix: 'text',
      ttl: 'never',
      staleWhileRevalidate: '1h',
    })
    return { near, texts }
  }

  it('are kept near, and end there when they are changed elsewhere', async () => {
    const [a, b] = [await textsNear(), await textsNear()]
    await a.texts.getOrLoad(1, () => 'old')
    for (let i = 0; i < 3; i++)
      for (const { texts } of [a, b])
        expect(await texts.getOrLoad(1, () => 'loaded again')).toBe('old')
    for (const { near } of [a, b]) expect(near.near.stats().hits).toBeGreaterThan(0)
    await a.texts.invalidate(1)
    expect(await a.texts.getOrLoad(1, () => 'new')).toBe('new')
    await expect.poll(() => b.texts.peek(1)).toBe('new')
    await a.texts.expire(1)
    expect(await a.texts.getOrLoad(1, () => 'newest')).toBe('new')
    await a.texts.idle()
    await expect.poll(() => b.texts.peek(1)).toBe('newest')
  })
})
