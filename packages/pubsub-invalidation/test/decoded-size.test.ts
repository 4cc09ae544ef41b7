import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createAside } from '@cache/aside'
import { compressed, encrypted, json, v8, type CacheClient, type Codec } from '@cache/core'
import type { Stage } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createInvalidationBus, withNearCache, type NearCacheClient } from '../src/index.js'
import { cases } from './cases.js'

const MB = 1024 ** 2

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function memory(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

// Decoding is the same with every client, so one case is enough.
describe.each(cases.slice(0, 1))('maxBytes counts decoded values, on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(() => stage.flush())

  async function withNear(
    codec: Codec<any>,
    use: (
      near: NearCacheClient,
      cache: (id: number, value: unknown) => Promise<unknown>,
    ) => Promise<void>,
  ): Promise<void> {
    const client = stage.driver()
    await using bus = createInvalidationBus({ client })
    await bus.ready()
    const near = withNearCache(client, { bus, maxBytes: 8 * MB })
    const rows = createAside<any>({ client: near, prefix: 'row', ttl: '1h', codec })
    await use(near, (id, value) => rows.getOrLoad(id, () => value))
    await near.close()
    await client.close()
  }

  const secret = Buffer.alloc(32, 1).toString('base64')
  const shrinkingCodecs: Record<string, Codec<any>> = {
    'compressed(json)': compressed(json),
    'encrypted(compressed(v8))': encrypted(compressed(v8), { keys: { a: secret } }),
  }

  it.each(Object.entries(shrinkingCodecs))(
    '%s: hundreds of values that are small in Redis',
    async (_, codec) => {
      const before = memory()
      await withNear(codec, async ({ near }, cache) => {
        for (let id = 0; id < 60; id++) await cache(id, { text: `${id}`.padEnd(MB, 'a') })
        expect(near.stats().entries).toBeGreaterThanOrEqual(6)
        expect(near.stats().entries).toBeLessThanOrEqual(8)
        expect(memory() - before).toBeLessThan(24 * MB)
      })
    },
  )

  const values: Record<string, (id: number) => unknown> = {
    'many small objects': (id) =>
      Array.from({ length: 2_000 }, (_, i) => ({ id: id + i, on: true })),
    'empty arrays': () => Array.from({ length: 4_000 }, () => []),
    fractions: (id) => Array.from({ length: 4_000 }, (_, i) => ({ x: id + i / 3 })),
    'wide text': (id) => `${id}✓`.padEnd(50_000, 'x'),
    'unique property names': (id) =>
      Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`name ${id} ${i}`, i])),
    nested: (id) => JSON.parse('['.repeat(900) + id + ']'.repeat(900)),
  }

  it.each(Object.entries(values))(
    '%s: takes no more memory than twice the counted size',
    async (_, make) => {
      await withNear(json, async ({ near }, cache) => {
        await cache(-1, make(-1))
        const before = memory()
        for (let id = 0; id < 40; id++) await cache(id, make(id))
        expect(memory() - before).toBeLessThan(near.stats().bytes * 2 + 3 * MB)
      })
    },
  )

  it('a value larger than maxBytes is not cached, however small it is in Redis', async () => {
    await withNear(compressed(json), async ({ near }, cache) => {
      await cache(1, 'small')
      expect(
        await cache(
          2,
          Array.from({ length: 500_000 }, () => []),
        ),
      ).toHaveLength(500_000)
      expect(near.stats().entries).toBe(1)
    })
  })
})
