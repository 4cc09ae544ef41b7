import type { CacheClient } from '@cache/core'
import { describe, expect, it, vi } from 'vitest'
import {
  createLocks,
  createReadWriteLock,
  createSemaphore,
  LockTimeoutError,
  type Lock,
} from '../src/index.js'
import { onEveryDriver } from './every-driver.js'
import { withoutTombstones } from './tombstones.js'
import { RepeatingClient, delayFirst } from './wrapped-clients.js'

// A driver that gets no reply sends a request again, so the server may execute it twice.
onEveryDriver(({ newClient, ask, keys }) => {
  describe('while each request is executed twice, and again later', () => {
    const kinds: Record<
      string,
      (client: CacheClient) => {
        acquire(options?: object): Promise<Lock>
        tryAcquire(): Promise<Lock | null>
        close(): Promise<void>
      }
    > = {
      lock: (client) => {
        const locks = createLocks({ client })
        return {
          acquire: (options) => locks.acquire('x', options),
          tryAcquire: () => locks.tryAcquire('x'),
          close: () => locks.close(),
        }
      },
      permit: (client) => createSemaphore({ client, name: 'x', permits: 1 }),
      'write lock': (client) => {
        const lock = createReadWriteLock({ client, name: 'x' })
        return {
          acquire: (options) => lock.write.acquire(options),
          tryAcquire: () => lock.write.tryAcquire(),
          close: () => lock.close(),
        }
      },
    }

    it.each(Object.entries(kinds))(
      'a %s is held once, for the ttl of its requests, and released once',
      async (_, make) => {
        const repeating = new RepeatingClient(newClient())
        const [mine, others] = [make(repeating.client), make(newClient())]
        const lock = await mine.acquire({ ttl: '20s', renew: false })
        await repeating.repeat()
        expect(lock.remaining).toBeGreaterThan(15_000)
        await lock.extend('60s')
        const before = lock.remaining
        await repeating.repeat()
        await lock.extend('30s')
        expect(lock.remaining).toBeGreaterThan(before - 5_000)
        expect(await others.tryAcquire()).toBeNull()
        expect(await lock.release()).toBe(true)
        await repeating.repeat()
        const next = (await others.tryAcquire())!
        expect(next.fence).toBeGreaterThan(lock.fence)
        await repeating.repeat()
        next.assertHeld()
        await next.extend()
        expect(await next.release()).toBe(true)
        await repeating.repeat()
        expect(withoutTombstones(await keys()).filter((key) => !key.endsWith(':fence'))).toEqual([])
        await Promise.all([mine.close(), others.close()])
      },
    )

    it.each(Object.entries(kinds))(
      'a copy of a refused request does not acquire a free %s',
      async (_, make) => {
        const repeating = new RepeatingClient(newClient())
        const [mine, others] = [make(repeating.client), make(newClient())]
        const holder = await others.acquire()
        expect(await mine.tryAcquire()).toBeNull()
        const waiting = others.acquire({ wait: '30s' })
        expect(await mine.tryAcquire()).toBeNull()
        expect(await holder.release()).toBe(true)
        expect(await (await waiting).release()).toBe(true)
        await repeating.repeat()
        await (await others.tryAcquire())!.release()
        await Promise.all([mine.close(), others.close()])
      },
    )

    it('a copy of a refused request does not acquire several free locks', async () => {
      const repeating = new RepeatingClient(newClient())
      const [mine, others] = [
        createLocks({ client: repeating.client }),
        createLocks({ client: newClient() }),
      ]
      const names = ['{t}a', '{t}b', '{t}c']
      for (const busy of names) {
        const holder = await others.acquire(busy)
        await expect(mine.acquireAll(names, { ttl: '10m', wait: 500 })).rejects.toBeInstanceOf(
          LockTimeoutError,
        )
        expect(await holder.release()).toBe(true)
        await repeating.repeat()
        expect(await (await others.acquireAll(names, { wait: '1s' })).release()).toBe(true)
      }
    })

    it('waiters keep their order, and those that left do not return', async () => {
      const repeatingClients = [
        new RepeatingClient(newClient()),
        new RepeatingClient(newClient()),
        new RepeatingClient(newClient()),
      ]
      const [a, b, c] = repeatingClients.map(({ client }) => createLocks({ client })) as [
        ReturnType<typeof createLocks>,
        ReturnType<typeof createLocks>,
        ReturnType<typeof createLocks>,
      ]
      const holder = await createLocks({ client: newClient() }).acquire('x')
      const order: string[] = []
      const waiting = async (count: number): Promise<void> =>
        vi.waitFor(async () => expect((await a.inspect('x'))!.waiting).toBe(count), {
          timeout: 10_000,
        })
      const controller = new AbortController()
      const gone = c.acquire('x', { signal: controller.signal })
      gone.catch(() => undefined)
      await waiting(1)
      const first = a.withLock(
        'x',
        () => {
          order.push('a')
        },
        { wait: '30s' },
      )
      await waiting(2)
      const second = b.withLock(
        'x',
        () => {
          order.push('b')
        },
        { wait: '30s' },
      )
      await waiting(3)
      controller.abort(new Error('no time'))
      await expect(gone).rejects.toThrow('no time')
      await waiting(2)
      for (const repeating of [...repeatingClients].reverse())
        await repeating.repeat('lock acquire')
      await waiting(2)
      expect(await holder.release()).toBe(true)
      await Promise.all([first, second])
      expect(order).toEqual(['a', 'b'])
      for (const repeating of repeatingClients) await repeating.repeat('lock acquire')
      expect(await a.inspect('x')).toBeNull()
    })

    it('several locks are acquired and released together, and forced only once', async () => {
      const repeating = new RepeatingClient(newClient())
      const [mine, others] = [
        createLocks({ client: repeating.client }),
        createLocks({ client: newClient() }),
      ]
      const names = ['{t}a', '{t}b', '{t}c']
      const set = await mine.acquireAll(names)
      set.assertHeld()
      expect(await set.release()).toBe(true)
      await repeating.repeat()
      const next = await others.acquireAll(names)
      expect(await mine.forceRelease('{t}a')).toBe(true)
      const third = (await others.tryAcquire('{t}a'))!
      await repeating.repeat()
      await third.extend()
      expect(await third.release()).toBe(true)
      expect(await next.release()).toBe(false)
      expect(await mine.forceRelease('{t}a')).toBe(false)
    })

    it('an extension that arrives after a shorter one does not prolong the lock', async () => {
      const delayed = delayFirst(newClient(), 'lock extend')
      const locks = createLocks({ client: delayed.client })
      const lock = await locks.acquire('x', { ttl: '5s', renew: false })
      await expect(lock.extend('10m')).rejects.toThrow('on its way')
      await lock.extend('10s')
      expect(await delayed.deliver()).toBeLessThanOrEqual(10_000)
      expect(await ask('PTTL', 'shop:lock:x')).toBeLessThanOrEqual(10_000)
      expect(await lock.release()).toBe(true)
    })
  })
})
