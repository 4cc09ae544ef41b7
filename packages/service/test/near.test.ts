import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { onEach } from './cases.js'
import type { CacheService } from '../src/index.js'

const ROUNDS = process.env.CHAOS ? 1_000 : 60

onEach(({ newService, ask }) => {
  describe('with a bus', () => {
    it('a value that was read is answered in the process', async () => {
      const cache = await newService({ withBus: true })
      await cache.get('k', () => 'value')
      await ask('SET', 'shop:k', '"changed behind its back"')
      expect(await cache.get('k')).toBe('value')
      expect(nearOf(cache).stats()).toMatchObject({ answering: true, entries: 1 })
    })

    it('the process keeps no more than near allows', async () => {
      const cache = await newService({ withBus: true, near: { maxEntries: 2 } })
      for (const key of ['a', 'b', 'c']) await cache.get(key, () => key)
      expect(nearOf(cache).stats().entries).toBe(2)
    })

    it('bulkInvalidate is one message, and drops values that Redis has evicted', async () => {
      const [cache, other] = [
        await newService({ withBus: true }),
        await newService({ withBus: true }),
      ]
      await other.get('user:1', () => 'old')
      await cache.get('user:1', () => 'old')
      await ask('DEL', 'shop:user:1')
      expect(await other.get('user:1')).toBe('old')
      expect(await cache.bulkInvalidate('user:?', { broadcast: true })).toBe(0)
      expect(await cache.get('user:1')).toBe(undefined)
      await expect.poll(() => other.get('user:1'), { timeout: 5_000 }).toBe(undefined)
    })

    it('a counter is never read older than the sum that was acknowledged', async () => {
      const cache = await newService({ withBus: true })
      for (let i = 1; i <= ROUNDS; i++) {
        expect(await cache.increment('views')).toBe(i)
        expect(await cache.get('views')).toBe(i)
      }
    })

    it('reads are fresh in the process that wrote, and in others after the message', async () => {
      const services = [await newService({ withBus: true }), await newService({ withBus: true })]
      let source = 0
      const read = (cache: CacheService) =>
        cache.get('row:1', async () => {
          const value = source
          await setImmediate()
          return value
        })
      let stop = false
      const traffic = services.map(async (cache) => {
        for (; !stop; await setImmediate()) await read(cache)
      })
      for (let i = 1; i <= ROUNDS; i++) {
        const cache = services[i % 2]!
        if (i % 4 === 3) await cache.mutate(['row:1'], () => (source = i))
        else {
          source = i
          await (i % 4 === 0
            ? cache.invalidate('row:1')
            : i % 4 === 1
              ? cache.bulkInvalidate('row:*')
              : cache.set('row:1', i))
        }
        expect(await read(cache)).toBe(i)
        await expect
          .poll(() => read(services[(i + 1) % 2]!), { timeout: 5_000, interval: 1 })
          .toBe(i)
      }
      stop = true
      await Promise.all(traffic)
    })
  })
})

const nearOf = (cache: CacheService) =>
  'near' in cache.client ? cache.client.near : expect.unreachable()
