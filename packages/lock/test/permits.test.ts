import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  createReadWriteLock,
  createSemaphore,
  LockLostError,
  LockTimeoutError,
} from '../src/index.js'
import { onEveryDriver } from './every-driver.js'
import { withoutTombstones } from './tombstones.js'

onEveryDriver(
  ({ newClient, ask, keys }) => {
    const created: AsyncDisposable[] = []
    afterEach(async () => {
      for (const lock of created.splice(0)) await lock[Symbol.asyncDispose]()
    })
    const newSemaphore = (permits: number) => {
      const semaphore = createSemaphore({ client: newClient(), name: 'pool', permits })
      created.push(semaphore)
      return semaphore
    }
    const newReadWriteLock = () => {
      const lock = createReadWriteLock({ client: newClient(), name: 'doc' })
      created.push(lock)
      return lock
    }

    describe('a semaphore', () => {
      it('has as many holders as permits, and no more', async () => {
        const [a, b] = [newSemaphore(3), newSemaphore(3)]
        const held = [await a.acquire(), await b.acquire(), await a.acquire()]
        expect(await b.tryAcquire()).toBeNull()
        await expect(b.acquire({ wait: 100 })).rejects.toBeInstanceOf(LockTimeoutError)
        expect(await a.inspect()).toEqual({ held: 3, waiting: 0 })
        expect(await held[0]!.release()).toBe(true)
        const next = await b.tryAcquire()
        expect(next).not.toBeNull()
        expect(new Set([...held, next!].map(({ fence }) => fence)).size).toBe(4)
        for (const permit of [...held.slice(1), next!]) expect(await permit.release()).toBe(true)
        expect(withoutTombstones(await keys())).toEqual([
          'shop:semaphore:{shop:semaphore:pool}:fence',
        ])
      })

      it('never has more holders under contention, and serves all of them', async () => {
        const semaphores = Array.from({ length: 4 }, () => newSemaphore(3))
        let [holders, maxHolders, done] = [0, 0, 0]
        await Promise.all(
          semaphores.flatMap((semaphore) =>
            Array.from({ length: 15 }, () =>
              semaphore.withPermit(
                async () => {
                  maxHolders = Math.max(maxHolders, ++holders)
                  await new Promise((resolve) => setTimeout(resolve, 3))
                  holders--
                  done++
                },
                { wait: '30s' },
              ),
            ),
          ),
        )
        expect(maxHolders).toBe(3)
        expect(done).toBe(60)
      })

      it('frees the permit of a dead holder after its ttl, and the holder knows it', async () => {
        const semaphore = newSemaphore(1)
        const dead = await semaphore.acquire({ ttl: 300, renew: false })
        const next = await newSemaphore(1).acquire({ wait: '5s' })
        expect(dead.signal.aborted).toBe(true)
        expect(() => dead.assertHeld()).toThrow(LockLostError)
        expect(await dead.release()).toBe(false)
        next.assertHeld()
        await next.release()
      })

      it('renews its permits', async () => {
        const semaphore = newSemaphore(1)
        const permit = await semaphore.acquire({ ttl: 900 })
        await new Promise((resolve) => setTimeout(resolve, 1_400))
        permit.assertHeld()
        expect(await newSemaphore(1).tryAcquire()).toBeNull()
        await ask('DEL', 'shop:semaphore:pool')
        await vi.waitFor(() => expect(permit.signal.aborted).toBe(true), { timeout: 5_000 })
      })
    })

    describe('a read-write lock', () => {
      it('has many readers or one writer', async () => {
        const [a, b] = [newReadWriteLock(), newReadWriteLock()]
        const readers = [await a.read.acquire(), await b.read.acquire()]
        expect(await b.write.tryAcquire()).toBeNull()
        for (const reader of readers) await reader.release()
        const writer = await b.write.acquire()
        expect(await a.read.tryAcquire()).toBeNull()
        expect(await a.write.tryAcquire()).toBeNull()
        await writer.release()
        await (await a.read.acquire()).release()
      })

      it('makes readers wait behind a waiting writer, and then serves them together', async () => {
        const [a, b, c] = [newReadWriteLock(), newReadWriteLock(), newReadWriteLock()]
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
        for (const permit of both) permit.assertHeld()
        for (const permit of both) await permit.release()
      })

      it('is handed over to all readers at the head of the queue at once', async () => {
        const [a, b] = [newReadWriteLock(), newReadWriteLock()]
        const waiting = (count: number) =>
          vi.waitFor(async () => expect((await a.inspect()).waiting).toBe(count), {
            timeout: 10_000,
          })
        const writer = await a.write.acquire()
        const readers = [a.read.acquire(), b.read.acquire(), b.read.acquire()]
        await waiting(3)
        const writing = b.write.acquire()
        await waiting(4)
        const later = a.read.acquire()
        await waiting(5)
        await writer.release()
        expect(await a.inspect()).toEqual({ held: 3, waiting: 2 })
        const held = await Promise.all(readers)
        expect(new Set(held.map(({ fence }) => fence)).size).toBe(3)
        for (const reader of held) {
          expect(reader.fence).toBeGreaterThan(writer.fence)
          expect(await reader.release()).toBe(true)
        }
        const next = await writing
        expect(await next.release()).toBe(true)
        expect(await (await later).release()).toBe(true)
      })

      it('lets readers in when the writer that they wait behind gives up', async () => {
        const [a, b] = [newReadWriteLock(), newReadWriteLock()]
        const reader = await a.read.acquire({ ttl: '10m' })
        const controller = new AbortController()
        const writing = b.write.acquire({ wait: '1m', signal: controller.signal })
        writing.catch(() => undefined)
        await vi.waitFor(async () => expect((await a.inspect()).waiting).toBe(1), {
          timeout: 10_000,
        })
        const reading = a.read.acquire({ wait: '1m' })
        await vi.waitFor(async () => expect((await a.inspect()).waiting).toBe(2), {
          timeout: 10_000,
        })
        controller.abort(new Error('no time'))
        await expect(writing).rejects.toThrow('no time')
        const second = await reading
        reader.assertHeld()
        expect(await a.inspect()).toEqual({ held: 2, waiting: 0 })
        for (const held of [reader, second]) expect(await held.release()).toBe(true)
      })

      it('does not let a reader see half a write', async () => {
        const locks = Array.from({ length: 4 }, () => newReadWriteLock())
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
