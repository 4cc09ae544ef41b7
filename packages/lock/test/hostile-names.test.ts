import { describe, expect, it } from 'vitest'
import { createLocks, createSemaphore } from '../src/index.js'
import { onEveryDriver } from './every-driver.js'
import { withoutTombstones } from './tombstones.js'

onEveryDriver(({ newClient, keys }) => {
  describe('names', () => {
    it.each([
      '*',
      '{}',
      '{x}',
      '}',
      'a:b',
      '%',
      '😀',
      '__proto__',
      'constructor',
      '[a-z]',
      '..',
      ' ',
      'x'.repeat(2_000),
      'fence',
      'queue',
      'x:fence',
      'shop:lock:{shop:lock:x}:queue',
      'é'.normalize('NFD'),
      'a b 1',
      '7 7',
    ])('may be %j', async (name) => {
      const [a, b] = [
        createLocks({ client: newClient() }),
        createLocks({ client: newClient(), label: 'l"\\\n} {' }),
      ]
      const lock = await a.acquire(name)
      const other = await b.acquire('other')
      expect(await b.tryAcquire(name)).toBeNull()
      const waiting = b.acquire(name, { wait: '20s' })
      await expect.poll(async () => (await a.inspect(name))!.waiting).toBe(1)
      await lock.release()
      const next = await waiting
      expect(next.fence).toBeGreaterThan(lock.fence)
      expect(await a.inspect(name)).toMatchObject({ label: 'l"\\\n} {', fence: next.fence })
      expect(await next.release()).toBe(true)
      other.assertHeld()
      expect(await other.release()).toBe(true)
      await Promise.all([a.close(), b.close()])
    })

    it('with a hash tag in the prefix keep everything in one slot', async () => {
      const locks = createLocks({ client: newClient(), prefix: '{jobs}' })
      const pool = createSemaphore({
        client: newClient(),
        prefix: '{jobs}:pool',
        name: 'p',
        permits: 1,
      })
      const set = await locks.acquireAll(['a', 'b', 'fence', 'a:fence'])
      expect(await locks.tryAcquire('a:fence')).toBeNull()
      expect(new Set(set.locks.map(({ fence }) => fence)).size).toBeGreaterThan(0)
      await pool.withPermit(() => set.assertHeld())
      expect(await set.release()).toBe(true)
      expect(withoutTombstones(await keys()).filter((key) => !key.endsWith(':fence'))).toEqual([])
    })
  })
})
