import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  createReadWriteLock,
  createSemaphore,
  LockLostError,
  LockTimeoutError,
} from '../src/index.js'
import { onEach } from './cases.js'
import { withoutReceipts } from './receipts.js'

onEach(
  ({ newClient, ask, keys }) => {
    const open: AsyncDisposable[] = []
    afterEach(async () => {
      for (const one of open.splice(0)) await one[Symbol.asyncDispose]()
    })
    const semaphore = (permits: number) => {
      const made = createSemaphore({ client: newClient(), name: 'pool', permits })
      open.push(made)
      return made
    }
    const rwlock = () => {
      const made = createReadWriteLock({ client: newClient(), name: 'doc' })
      open.push(made)
      return made
    }

    describe('a semaphore', () => {
      it('is held by as many as it has permits, and no more', async () => {
        const [a, b] = [semaphore(3), semaphore(3)]
        const held = [await a.acquire(), await b.acquire(), await a.acquire()]
        expect(await b.tryAcquire()).toBeNull()
        await expect(b.acquire({ wait: 100 })).rejects.toBeInstanceOf(LockTimeoutError)
        expect(await a.inspect()).toEqual({ held: 3, waiting: 0 })
        expect(await held[0]!.release()).toBe(true)
        const next = await b.tryAcquire()
        expect(next).not.toBeNull()
        expect(new Set([...held, next!].map(({ fence }) => fence)).size).toBe(4)
        for (const permit of [...held.slice(1), next!]) expect(await permit.release()).toBe(true)
        expect(withoutReceipts(await keys())).toEqual([
          'shop:semaphore:{shop:semaphore:pool}:fence',
        ])
      })

      it('never lets more in, whatever the crowd, and lets all of them in', async () => {
        const crowd = Array.from({ length: 4 }, () => semaphore(3))
        let [inside, most, done] = [0, 0, 0]
        await Promise.all(
          crowd.flatMap((one) =>
            Array.from({ length: 15 }, () =>
              one.withPermit(
                async () => {
                  most = Math.max(most, ++inside)
                  await new Promise((resolve) => setTimeout(resolve, 3))
                  inside--
                  done++
                },
                { wait: '30s' },
              ),
            ),
          ),
        )
        expect(most).toBe(3)
        expect(done).toBe(60)
      })

      it('has a permit again after the ttl of a holder that died, and tells a holder of its loss', async () => {
        const one = semaphore(1)
        const dead = await one.acquire({ ttl: 300, renew: false })
        const next = await semaphore(1).acquire({ wait: '5s' })
        expect(dead.signal.aborted).toBe(true)
        expect(() => dead.assertHeld()).toThrow(LockLostError)
        expect(await dead.release()).toBe(false)
        next.assertHeld()
        await next.release()
      })

      it('renews its permits', async () => {
        const one = semaphore(1)
        const permit = await one.acquire({ ttl: 900 })
        await new Promise((resolve) => setTimeout(resolve, 1_400))
        permit.assertHeld()
        expect(await semaphore(1).tryAcquire()).toBeNull()
        await ask('DEL', 'shop:semaphore:pool')
        await vi.waitFor(() => expect(permit.signal.aborted).toBe(true), { timeout: 5_000 })
      })
    })

    describe('a read-write lock', () => {
      it('is held by many readers or by one writer', async () => {
        const [a, b] = [rwlock(), rwlock()]
        const readers = [await a.read.acquire(), await b.read.acquire()]
        expect(await b.write.tryAcquire()).toBeNull()
        for (const reader of readers) await reader.release()
        const writer = await b.write.acquire()
        expect(await a.read.tryAcquire()).toBeNull()
        expect(await a.write.tryAcquire()).toBeNull()
        await writer.release()
        await (await a.read.acquire()).release()
      })

      it('starves nobody: readers that come after a waiting writer wait as well, and are then let in together', async () => {
        const [a, b, c] = [rwlock(), rwlock(), rwlock()]
        const reader = await a.read.acquire()
        const writing = b.write.acquire()
        await vi.waitFor(async () => expect((await a.inspect()).waiting).toBe(1), {
          timeout: 10_000,
        })
        expect(await c.read.tryAcquire()).toBeNull()
        const later = [c.read.acquire(), a.read.acquire()]
        await vi.waitFor(async () => expect((await a.inspect()).waiting).toBe(3), {
          timeout: 10_000,
        })
        await reader.release()
        const writer = await writing
        expect(await a.inspect()).toEqual({ held: 1, waiting: 2 })
        await writer.release()
        const both = await Promise.all(later)
        for (const one of both) one.assertHeld()
        for (const one of both) await one.release()
      })

      it('keeps a reader from seeing half a write', async () => {
        const locks = Array.from({ length: 4 }, () => rwlock())
        let [x, y, writing] = [0, 0, 0]
        const torn: string[] = []
        await Promise.all(
          locks.flatMap((lock) => [
            ...Array.from({ length: 5 }, () =>
              lock.write.withLock(
                async () => {
                  expect(++writing).toBe(1)
                  x++
                  await new Promise((resolve) => setTimeout(resolve, 2))
                  y++
                  writing--
                },
                { wait: '30s' },
              ),
            ),
            ...Array.from({ length: 10 }, () =>
              lock.read.withLock(
                () => {
                  if (x !== y) torn.push(`${x} ${y}`)
                },
                { wait: '30s' },
              ),
            ),
          ]),
        )
        expect([x, y, torn]).toEqual([20, 20, []])
      })
    })
  },
  { sharded: true },
)
