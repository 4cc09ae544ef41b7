import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import type { Stage } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createInvalidationBus,
  withNearCache,
  type NearCacheClient,
  type NearCacheOptions,
} from '../src/index.js'
import { cases } from './cases.js'

const KEYS = process.env.CHAOS ? 1_000_000 : 20_000
const BATCH = 1_000
const MB = 1024 ** 2

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heap(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

describe.each(cases.filter(({ topology }) => topology === 'standalone'))(
  'on $name',
  ({ start }) => {
    let stage: Stage<CacheClient>
    beforeAll(async () => void (stage = await start()))
    afterAll(() => stage.stop())
    beforeEach(() => stage.flush())

    /** Reads `KEYS` keys with values of about `size` bytes. Calls `inspect` after each batch. */
    async function readAllKeys(
      options: Partial<NearCacheOptions>,
      size: number,
      inspect: (near: NearCacheClient, keys: number) => void,
    ): Promise<void> {
      const client = stage.driver()
      await using bus = createInvalidationBus({ client })
      await bus.ready()
      const near = withNearCache(client, { bus, ...options })
      const texts = createAside<string>({ client: near, prefix: 'text', ttl: '1m' })
      for (let from = 0; from < KEYS; from += BATCH) {
        const ids = Array.from({ length: BATCH }, (_, i) => from + i)
        await texts.getOrLoadMany(ids, (missing) => missing.map((id) => `${id}:`.padEnd(size, 'x')))
        inspect(near, from + BATCH)
        if (from % (KEYS / 5) === 0) await stage.flush()
      }
      await near.close()
      await client.close()
    }

    it(`${KEYS} keys: never more than maxEntries, and no memory for dropped entries`, async () => {
      let early = 0
      await readAllKeys({ maxEntries: 1_000 }, 50, ({ near }, keys) => {
        expect(near.stats().entries).toBeLessThanOrEqual(1_000)
        if (keys === KEYS / 5) early = heap()
      })
      expect(heap() - early).toBeLessThan(8 * MB)
    }, 600_000)

    it(`${KEYS} keys: never more than maxBytes, and no entry that is larger`, async () => {
      let most = 0
      let early = 0
      await readAllKeys({ maxEntries: 1_000_000, maxBytes: '256kb' }, 500, ({ near }, keys) => {
        const { bytes, entries } = near.stats()
        most = Math.max(most, bytes)
        expect(bytes).toBeLessThanOrEqual(256 * 1024)
        expect(entries).toBeGreaterThan(256)
        if (keys === KEYS / 5) early = heap()
      })
      expect(heap() - early).toBeLessThan(8 * MB)
      expect(most).toBeGreaterThan(200 * 1024)
      const client = stage.driver()
      await using bus = createInvalidationBus({ client })
      await bus.ready()
      const near = withNearCache(client, { bus, maxBytes: '1kb' })
      await createAside<string>({ client: near, prefix: 'large', ttl: '1m' }).getOrLoad(1, () =>
        'x'.repeat(2_000),
      )
      expect(near.near.stats()).toMatchObject({ entries: 0, bytes: 0 })
      await client.close()
    }, 600_000)

    it(`${KEYS} invalidations of keys that are not cached leave nothing behind`, async () => {
      const client = stage.driver()
      await using bus = createInvalidationBus({ client })
      await bus.ready()
      const near = withNearCache(client, { bus })
      let early = 0
      for (let from = 0; from < KEYS; from += BATCH) {
        await near.entries.invalidate(Array.from({ length: BATCH }, (_, i) => `shop:k:${from + i}`))
        if (from === KEYS / 5) early = heap()
      }
      expect(heap() - early).toBeLessThan(8 * MB)
      await client.close()
    }, 600_000)
  },
)
