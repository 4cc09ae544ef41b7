import { canSetClock, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLocks, createReadWriteLock, createRedlock, createSemaphore } from '../src/index.js'
import { connect, driverNames, longTimeouts, type Connected } from './drivers.js'
import { delayFirst } from './wrapped-clients.js'

const HOUR = 3_600_000
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe.skipIf(!canSetClock()).each(driverNames)(
  'when the server’s clock is set, on %s',
  { timeout: 60_000 },
  (driver) => {
    let server: RedisServer
    const connected: Connected[] = []
    const newClient = () => {
      const connection = connect(driver, server.url, longTimeouts)
      connected.push(connection)
      return connection.client
    }
    beforeAll(async () => {
      server = await startRedis({ clock: true })
    })
    beforeEach(async () => {
      await server.setClock(0)
      await server.flush()
    })
    afterAll(async () => {
      for (const connection of connected) await connection[Symbol.asyncDispose]()
      await server.stop()
    })

    it('back by an hour: held locks stay held, and then pass to the next waiter', async () => {
      const client = newClient()
      const locks = createLocks({ client })
      const semaphore = createSemaphore({ client, name: 'p', permits: 1 })
      const rw = createReadWriteLock({ client, name: 'rw' })
      const held = [
        await locks.acquire('x', { ttl: 1_500 }),
        await semaphore.acquire({ ttl: 1_500 }),
        await rw.write.acquire({ ttl: 1_500 }),
      ]
      const next = [
        locks.acquire('x', { ttl: 1_500 }),
        semaphore.acquire({ ttl: 1_500 }),
        rw.read.acquire({ ttl: 1_500 }),
      ]
      await vi.waitFor(async () =>
        expect([
          (await locks.inspect('x'))!.waiting,
          (await semaphore.inspect()).waiting,
          (await rw.inspect()).waiting,
        ]).toEqual([1, 1, 1]),
      )
      await server.setClock(-HOUR)
      await sleep(2_000) // longer than a ttl, so they are renewed
      for (const lock of held) lock.assertHeld()
      expect((await locks.inspect('x'))!.remaining).toBeLessThanOrEqual(1_500)
      expect(await locks.tryAcquire('x')).toBeNull()
      expect(await semaphore.tryAcquire()).toBeNull()
      for (const lock of held) expect(await lock.release()).toBe(true)
      for (const [i, lock] of (await Promise.all(next)).entries()) {
        expect(lock.fence).toBeGreaterThan(held[i]!.fence)
        expect(await lock.release()).toBe(true)
      }
      await (await locks.tryAcquire('x'))!.release()
      await (await semaphore.tryAcquire())!.release()
    })

    it.each([1_500, HOUR, -1_500, -HOUR])(
      'by %s ms before a lock is handed over: the waiter holds it for its ttl',
      async (offset) => {
        const [mine, others] = [newClient(), newClient()]
        const options = { name: 'p', permits: 1 }
        const [locks, semaphore] = [
          createLocks({ client: mine }),
          createSemaphore({ client: mine, ...options }),
        ]
        const long = { ttl: '2h', maxHold: '3h' } as const
        const held = [await locks.acquire('x', long), await semaphore.acquire(long)]
        const waiting = [
          createLocks({ client: others }).acquire('x', { wait: '30s' }),
          createSemaphore({ client: others, ...options }).acquire({ wait: '30s' }),
        ]
        await vi.waitFor(async () =>
          expect([
            (await locks.inspect('x'))!.waiting,
            (await semaphore.inspect()).waiting,
          ]).toEqual([1, 1]),
        )
        await server.setClock(offset)
        for (const lock of held) expect(await lock.release()).toBe(true)
        const next = await Promise.all(waiting)
        for (const [i, lock] of next.entries()) {
          expect(lock.fence).toBeGreaterThan(held[i]!.fence)
          await vi.waitFor(() => expect(lock.remaining).toBeGreaterThan(5_000), { timeout: 5_000 })
        }
        const { remaining, fence } = (await locks.inspect('x'))!
        expect(remaining).toBeGreaterThan(5_000)
        expect(fence).toBe(next[0]!.fence)
        expect(await locks.tryAcquire('x')).toBeNull()
        expect(await semaphore.tryAcquire()).toBeNull()
        for (const lock of next) expect(await lock.release()).toBe(true)
      },
    )

    it('back by an hour: a dead holder’s lock is free a ttl after a request', async () => {
      const dead = connect(driver, server.url, longTimeouts)
      await createLocks({ client: dead.client }).acquire('x', { ttl: '1s' })
      await createSemaphore({ client: dead.client, name: 'p', permits: 1 }).acquire({ ttl: '1s' })
      const client = newClient()
      const locks = createLocks({ client })
      const y = await locks.acquire('y')
      const waiting = createLocks({ client: dead.client }).acquire('y', { wait: '1m' })
      waiting.catch(() => undefined)
      await vi.waitFor(async () => expect((await locks.inspect('y'))!.waiting).toBeGreaterThan(0))
      await dead[Symbol.asyncDispose]()
      await server.setClock(-HOUR)
      await y.release()
      const semaphore = createSemaphore({ client, name: 'p', permits: 1 })
      const startedAt = performance.now()
      await Promise.all([
        locks.acquire('x', { wait: '10s' }),
        semaphore.acquire({ wait: '10s' }),
        locks.acquire('y', { wait: '10s' }),
      ])
      expect(performance.now() - startedAt).toBeLessThan(8_000)
      await locks.close()
      await semaphore.close()
    })

    it('back by an hour: an extension lasts as long as its holder believes', async () => {
      const client = newClient()
      const locks = createLocks({ client, renew: false })
      const semaphore = createSemaphore({ client, name: 'p', permits: 1, renew: false })
      const rw = createReadWriteLock({ client, name: 'rw', renew: false })
      const ttl = 2_000
      const acquiredAt = performance.now()
      const held = [
        await locks.acquire('x', { ttl }),
        await semaphore.acquire({ ttl }),
        await rw.write.acquire({ ttl }),
      ]
      await server.setClock(-HOUR)
      for (const lock of held) await lock.extend('30s')
      const tryAll = () =>
        Promise.all([locks.tryAcquire('x'), semaphore.tryAcquire(), rw.read.tryAcquire()])
      expect(await tryAll()).toEqual([null, null, null]) // the ttls start anew
      await sleep(acquiredAt + ttl + 300 - performance.now())
      expect(await tryAll()).toEqual([null, null, null])
      for (const lock of held) {
        lock.assertHeld()
        expect(lock.remaining).toBeGreaterThan(ttl)
        expect(await lock.release()).toBe(true)
      }
    })

    it.each(['lock extend', 'permit extend'])(
      'back by an hour: a late %s returns no more than the stored ttl',
      async (script) => {
        const delayed = delayFirst(newClient(), script)
        const options = { client: delayed.client, renew: false }
        const acquire = {
          'lock extend': () => createLocks(options).acquire('x'),
          'permit extend': () => createSemaphore({ ...options, name: 'p', permits: 1 }).acquire(),
        }
        const lock = await acquire[script as keyof typeof acquire]()
        await expect(lock.extend('10m')).rejects.toThrow('on its way')
        await lock.extend('20s')
        await server.setClock(-HOUR)
        const remaining = await delayed.deliver()
        expect(remaining).toBeGreaterThan(0)
        expect(remaining).toBeLessThanOrEqual(20_000)
        expect(await lock.release()).toBe(true)
      },
    )

    it('forward by an hour: holders learn it on renewal, waiters keep their order', async () => {
      const client = newClient()
      const locks = createLocks({ client })
      const held = await locks.acquire('x', { ttl: 900 })
      const permit = await createSemaphore({ client, name: 'p', permits: 1 }).acquire({ ttl: 900 })
      const y = await locks.acquire('y', { ttl: '2h', maxHold: '3h' })
      const order: string[] = []
      const waiters: Promise<void>[] = []
      for (const name of ['a', 'b', 'c']) {
        waiters.push(
          createLocks({ client: newClient() }).withLock(
            'y',
            () => {
              order.push(name)
            },
            { wait: '30s' },
          ),
        )
        await vi.waitFor(async () =>
          expect((await locks.inspect('y'))!.waiting).toBe(waiters.length),
        )
      }
      await server.setClock(HOUR)
      await vi.waitFor(
        () => expect([held.signal.aborted, permit.signal.aborted]).toEqual([true, true]),
        { timeout: 5_000 },
      )
      expect(held.signal.reason).toMatchObject({ reason: 'taken' })
      await vi.waitFor(async () => expect((await locks.inspect('y'))!.waiting).toBe(3), {
        timeout: 5_000,
      })
      expect(await y.release()).toBe(true)
      await Promise.all(waiters)
      expect(order).toEqual(['a', 'b', 'c'])
      const next = await locks.acquire('x')
      expect(next.fence).toBeGreaterThan(held.fence)
      await next.release()
    })

    it('forward and back: fences rise, also when the stored ones have expired', async () => {
      const locks = createLocks({ client: newClient() })
      const semaphore = createSemaphore({ client: newClient(), name: 'p', permits: 1 })
      let last = [0, 0]
      for (const offset of [
        0,
        HOUR,
        0,
        11 * 60_000,
        0,
        -HOUR,
        -HOUR + 11 * 60_000,
        -HOUR + 30 * 60_000,
        0,
      ]) {
        await server.setClock(offset)
        for (let i = 0; i < 2; i++) {
          const [lock, permit] = await Promise.all([locks.acquire('x'), semaphore.acquire()])
          expect(lock.fence).toBeGreaterThan(last[0]!)
          expect(permit.fence).toBeGreaterThan(last[1]!)
          last = [lock.fence, permit.fence]
          expect(await lock.release()).toBe(true)
          expect(await permit.release()).toBe(true)
        }
      }
    })

    it('on one of several independent servers: locks stay held, and fences rise', async () => {
      const others = await Promise.all([startRedis(), startRedis()])
      const clients = [
        newClient(),
        ...others.map(({ url }) => {
          const connection = connect(driver, url, longTimeouts)
          connected.push(connection)
          return connection.client
        }),
      ]
      const locks = createRedlock({ clients })
      let last = 0
      for (const offset of [HOUR, -HOUR, -HOUR + 11 * 60_000]) {
        const lock = await locks.acquire('x', { ttl: 900 })
        await server.setClock(offset)
        await sleep(1_100)
        lock.assertHeld()
        expect(await locks.tryAcquire('x')).toBeNull()
        expect(await lock.release()).toBe(true)
        expect(lock.fence).toBeGreaterThan(last)
        last = lock.fence
      }
      await locks.close()
      for (const server of others) await server.stop()
    })
  },
)
