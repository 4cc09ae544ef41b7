import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { measureGauges } from '@cache/core/internal'
import { describe, expect, it, vi } from 'vitest'
import { createInvalidationBus, withNearCache } from '../src/index.js'
import { cases } from './cases.js'

describe.each(cases)('on $name', ({ start }) => {
  it('stats() of a cache and of its near cache count the same near hits', async () => {
    const stage = await start()
    const client: CacheClient = stage.driver()
    const bus = createInvalidationBus({ client, channel: 'stats', heartbeat: '30s' })
    await bus.ready()
    const near = withNearCache(client, { bus })
    const products = createAside<string>({ client: near, prefix: 'product', ttl: '1h' })
    await products.getOrLoad(1, () => 'chair')
    await vi.waitFor(
      async () => {
        await products.getOrLoad(1, () => 'chair')
        expect(near.near.stats().entries).toBe(1)
      },
      { timeout: 20_000 },
    )
    const before = products.stats()
    await products.getOrLoad(1, () => 'chair')
    await products.getOrLoadMany([1], async () => ['chair'])
    const { hits, nearHits, redisHits, misses } = products.stats()
    expect({ nearHits: nearHits - before.nearHits, hits: hits - before.hits }).toEqual({
      nearHits: 2,
      hits: 2,
    })
    expect({ hits: nearHits + redisHits, misses }).toEqual({ hits, misses: 1 })
    const stats = near.near.stats()
    expect(stats.hits).toBe(nearHits)
    expect(stats.hitRate).toBe(stats.hits / (stats.hits + stats.misses))

    const measured = await measureGauges([client, near], 10_000)
    expect(measured).toEqual([
      { kind: 'circuits', name: '', namespace: 'shop', values: { open: 0, halfOpen: 0 } },
      {
        kind: 'bus',
        name: expect.stringContaining('stats'),
        namespace: 'shop',
        values: { live: true },
      },
      {
        kind: 'near',
        name: '',
        namespace: 'shop',
        values: { entries: 1, bytes: stats.bytes, answering: true },
      },
    ])
    await near.close()
    expect((await measureGauges([near], 10_000)).map(({ kind }) => kind)).toEqual([
      'circuits',
      'bus',
    ])
    await bus.close()
    expect((await measureGauges([near], 10_000)).map(({ kind }) => kind)).toEqual(['circuits'])
    await client.close()
    expect(await measureGauges([client, near], 10_000)).toEqual([])
    await stage.stop()
  })
})
