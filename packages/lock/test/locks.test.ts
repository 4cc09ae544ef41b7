import { channels, createCacheClient, type Messages } from '@cache/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  createLocks,
  LockLostError,
  LockTimeoutError,
  type Locks,
  type LocksOptions,
} from '../src/index.js'
import { onEveryDriver } from './every-driver.js'
import { withoutTombstones } from './tombstones.js'

onEveryDriver(({ newClient, ask, keys }) => {
  const created: Locks[] = []
  const newLocks = (options: Partial<LocksOptions> = {}): Locks => {
    const locks = createLocks({ client: newClient(), ...options })
    created.push(locks)
    return locks
  }
  const newClientWithoutMessages = () => {
    const driver = newClient().driver
    const client = createCacheClient(
      { ...driver, subscribe: () => Promise.reject(new Error('no messages here')) },
      { namespace: 'shop' },
    )
    return { client, stop: () => client.close() }
  }
  afterEach(() => Promise.all(created.splice(0).map((locks) => locks.close())))

  describe('a lock', () => {
    it('has one holder at a time, and is free again after its release', async () => {
      const [a, b] = [newLocks(), newLocks()]
      const lock = await a.acquire('x')
      lock.assertHeld()
      expect(await b.tryAcquire('x')).toBeNull()
      expect(await a.tryAcquire('x')).toBeNull()
      expect(await lock.release()).toBe(true)
      expect(await lock.release()).toBe(true)
      expect(() => lock.assertHeld()).toThrow(LockLostError)
      expect(lock.remaining).toBe(0)
      const next = await b.tryAcquire('x')
      expect(next!.fence).toBeGreaterThan(lock.fence)
      await next!.release()
    })

    it('is released at the end of its block', async () => {
      const locks = newLocks()
      {
        await using lock = await locks.acquire('x')
        expect(await ask('EXISTS', 'shop:lock:x')).toBe(1)
        lock.assertHeld()
      }
      expect(await ask('EXISTS', 'shop:lock:x')).toBe(0)
    })

    it('is renewed while it is held, and ends with its ttl if it is not renewed', async () => {
      const locks = newLocks()
      const renewed = await locks.acquire('renewed', { ttl: 900 })
      const fixed = await locks.acquire('fixed', { ttl: 300, renew: false })
      const extended = await locks.acquire('extended', { ttl: 900, renew: false })
      await extended.extend('1m')
      await vi.waitFor(() => expect(fixed.signal.aborted).toBe(true), { timeout: 5_000 })
      await vi.waitFor(async () => expect(await ask('EXISTS', 'shop:lock:fixed')).toBe(0), {
        timeout: 5_000,
      })
      expect(fixed.signal.reason).toMatchObject({
        name: 'LockLostError',
        reason: 'expired',
        lock: 'fixed',
      })
      expect(() => fixed.assertHeld()).toThrow(LockLostError)
      await new Promise((resolve) => setTimeout(resolve, 1_000)) // longer than the ttl of both
      renewed.assertHeld()
      extended.assertHeld()
      expect(extended.remaining).toBeGreaterThan(50_000)
      expect(renewed.signal.aborted).toBe(false)
    })

    it('ends at maxHold, however often it is renewed', async () => {
      const locks = newLocks()
      const startedAt = performance.now()
      const lock = await locks.acquire('x', { ttl: 900, maxHold: 1_350 })
      await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), {
        timeout: 5_000,
        interval: 5,
      })
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1_349)
      expect(lock.signal.reason).toMatchObject({ reason: 'max-hold' })
    })

    it('is free at once when it is released by force, and soon lost to its holder', async () => {
      const locks = newLocks()
      const lock = await locks.acquire('x', { ttl: 900 })
      expect(await locks.forceRelease('x')).toBe(true)
      expect(await locks.forceRelease('x')).toBe(false)
      const other = await newLocks().acquire('x')
      await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 5_000 })
      expect(lock.signal.reason).toMatchObject({ reason: 'taken' })
      expect(await lock.release()).toBe(false)
      other.assertHeld()
      await expect(lock.extend()).rejects.toBeInstanceOf(LockLostError)
    })

    it('can be inspected', async () => {
      const locks = newLocks({ label: 'billing' })
      expect(await locks.inspect('x')).toBeNull()
      const lock = await locks.acquire('x', { ttl: '30s' })
      const waiting = newLocks().acquire('x')
      await vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(1), {
        timeout: 10_000,
      })
      const inspection = (await locks.inspect('x'))!
      expect(inspection).toMatchObject({ pid: process.pid, label: 'billing', fence: lock.fence })
      expect(inspection.host).not.toBe('')
      expect(inspection.remaining).toBeGreaterThan(10_000)
      expect(inspection.remaining).toBeLessThanOrEqual(30_000)
      expect(Math.abs(inspection.since.getTime() - Date.now())).toBeLessThan(60_000)
      await lock.release()
      await (await waiting).release()
    })
  })

  describe('withLock', () => {
    it('has the result or the error of the work, even if the release fails', async () => {
      const locks = newLocks()
      expect(await locks.withLock('x', ({ fence }) => fence)).toBeGreaterThan(0)
      expect(
        await locks.withLock('x', async () => {
          await locks.forceRelease('x')
          return 'done'
        }),
      ).toBe('done')
      await expect(
        locks.withLock('x', () => {
          throw new Error('work failed')
        }),
      ).rejects.toThrow('work failed')
      expect(await locks.tryAcquire('x')).not.toBeNull()
    })
  })

  describe('waiting', () => {
    it('ends with LockTimeoutError, and leaves nothing behind', async () => {
      const locks = newLocks()
      const lock = await locks.acquire('x')
      await expect(newLocks().acquire('x', { wait: 200 })).rejects.toBeInstanceOf(LockTimeoutError)
      await vi.waitFor(
        async () =>
          expect(withoutTombstones(await keys())).toEqual([
            'shop:lock:x',
            'shop:lock:{shop:lock:x}:fence',
          ]),
        { timeout: 5_000 },
      ) // a caller that gives up does not wait for a slow Redis
      await lock.release()
      expect(withoutTombstones(await keys())).toEqual(['shop:lock:{shop:lock:x}:fence'])
    })

    it('ends with the reason of its signal, and leaves nothing behind', async () => {
      const locks = newLocks()
      const lock = await locks.acquire('x')
      const controller = new AbortController()
      const waiting = newLocks().acquire('x', { signal: controller.signal })
      await vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(1), {
        timeout: 10_000,
      })
      controller.abort(new Error('no time'))
      await expect(waiting).rejects.toThrow('no time')
      await vi.waitFor(
        async () =>
          expect(withoutTombstones(await keys())).toEqual([
            'shop:lock:x',
            'shop:lock:{shop:lock:x}:fence',
          ]),
        { timeout: 5_000 },
      )
      await expect(locks.acquire('y', { signal: controller.signal })).rejects.toThrow('no time')
      await lock.release()
    })

    it('is first come, first served, and the next waiter is woken', async () => {
      const holder = await newLocks().acquire('x')
      const order: number[] = []
      const waiters: Promise<void>[] = []
      const all = Array.from({ length: 10 }, () => newLocks())
      for (const [i, locks] of all.entries()) {
        waiters.push(
          locks.withLock(
            'x',
            () => {
              order.push(i)
            },
            { wait: '30s' },
          ),
        )
        await vi.waitFor(async () => expect((await all[0]!.inspect('x'))!.waiting).toBe(i + 1), {
          timeout: 10_000,
        })
      }
      await new Promise((resolve) => setTimeout(resolve, 300)) // all of them have subscribed by now
      const startedAt = performance.now()
      await holder.release()
      await Promise.all(waiters)
      expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      // with polls alone, ten hand-overs would take about twice as long
      expect(performance.now() - startedAt).toBeLessThan(2_500)
    })

    it('comes before other calls, except with `fair: false`', async () => {
      const locks = newLocks()
      const { client, stop } = newClientWithoutMessages() // its waiter is not woken
      const lock = await locks.acquire('x')
      const waiting = createLocks({ client }).acquire('x')
      await vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(1), {
        timeout: 10_000,
      })
      await ask('DEL', 'shop:lock:x') // a release would hand it over
      expect(await locks.tryAcquire('x')).toBeNull()
      const barged = await locks.tryAcquire('x', { fair: false })
      barged!.assertHeld()
      await barged!.release()
      await (await waiting).release() // it polls
      expect(await lock.release()).toBe(false)
      await stop()
    })

    it('follows a close, of which the holder learns before another has the lock', async () => {
      const [locks, others] = [newLocks(), newLocks()]
      const order: string[] = []
      let reason: unknown
      let next: Promise<unknown> | undefined
      await locks.withLock('x', async (lock) => {
        const { signal } = lock
        signal.addEventListener('abort', () => void order.push('holder knows'))
        next = others.acquire('x').then(() => order.push('another acquired'))
        await vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(1), {
          timeout: 10_000,
        })
        await locks.close()
        reason = signal.reason
        expect(() => lock.assertHeld()).toThrow(LockLostError)
      })
      expect(reason).toMatchObject({ name: 'LockLostError', reason: 'closed' })
      await next
      expect(order).toEqual(['holder knows', 'another acquired'])
    })

    it('yields no lock that is granted after close, which waits for its release', async () => {
      for (const call of [
        (locks: Locks) => locks.tryAcquire('x'),
        (locks: Locks) => locks.acquire('x'),
        (locks: Locks) => locks.acquireAll(['{t}x', '{t}y']),
        (locks: Locks) => locks.acquireAll(['x', 'y']),
      ]) {
        const locks = newLocks()
        const pending = call(locks)
        pending.catch(() => undefined)
        const remainingKeys = async () =>
          withoutTombstones(await keys()).filter((key) => !key.endsWith(':fence'))
        const startedAt = performance.now()
        await locks.close()
        if (performance.now() - startedAt < 45) expect(await remainingKeys()).toEqual([])
        // close() waits at most 50 ms for Redis
        await vi.waitFor(async () => expect(await remainingKeys()).toEqual([]), { timeout: 5_000 })
        await expect(pending).rejects.toMatchObject({ code: 'CLOSED' })
      }
    })

    it('is ended by close, which releases the held locks', async () => {
      const locks = newLocks()
      const lock = await locks.acquire('x')
      const waiting = locks.acquire('x')
      waiting.catch(() => undefined)
      await vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(1), {
        timeout: 10_000,
      })
      await locks.close()
      await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(locks.acquire('x')).rejects.toMatchObject({ code: 'CLOSED' })
      expect(() => lock.assertHeld()).toThrow(LockLostError)
      expect(withoutTombstones(await keys())).toEqual(['shop:lock:{shop:lock:x}:fence'])
    })
  })

  describe('acquireAll', () => {
    it('acquires all or none', async () => {
      const [a, b] = [newLocks(), newLocks()]
      const set = await a.acquireAll(['x', 'y', 'z', 'x'])
      expect(set.locks.map(({ name }) => name)).toEqual(['x', 'y', 'z'])
      set.assertHeld()
      expect(await b.tryAcquire('y')).toBeNull()
      const refused = b.acquireAll(['w', 'y'], { wait: 200 })
      await expect(refused).rejects.toBeInstanceOf(LockTimeoutError)
      await expect(refused).rejects.toThrow('"y" within 200 ms')
      expect(await b.tryAcquire('w')).not.toBeNull()
      expect(await set.release()).toBe(true)
      for (const name of ['x', 'y', 'z']) await (await b.acquire(name)).release()
    })

    it('does not deadlock if two callers need the same locks in another order', async () => {
      const [a, b] = [newLocks(), newLocks()]
      let done = 0
      const work = (locks: Locks, names: string[]) =>
        Array.from({ length: 10 }, async () => {
          await using set = await locks.acquireAll(names, { wait: '20s' })
          set.assertHeld()
          done++
        })
      await Promise.all([...work(a, ['p', 'q', 'r']), ...work(b, ['r', 'q', 'p'])])
      expect(done).toBe(20)
    })

    it('returns a set that is lost as soon as one of its locks is', async () => {
      const locks = newLocks()
      const set = await locks.acquireAll(['x', 'y'], { ttl: 600 })
      await locks.forceRelease('y')
      await vi.waitFor(() => expect(set.signal.aborted).toBe(true), { timeout: 5_000 })
      expect(() => set.assertHeld()).toThrow(LockLostError)
      expect(await set.release()).toBe(false)
    })
  })

  it('publishes events on cache:lock', async () => {
    const events: Messages['lock'][] = []
    const listen = (message: unknown): void => {
      events.push(message as Messages['lock'])
    }
    channels.lock.subscribe(listen)
    const locks = newLocks()
    await locks.withLock('x', () => locks.acquire('x', { wait: 50 }).catch(() => undefined))
    for (const names of [
      ['y', 'z'],
      ['{t}y', '{t}z'],
    ])
      await (await locks.acquireAll(names)).release()
    channels.lock.unsubscribe(listen)
    expect(new Set(events.map(({ prefix }) => prefix))).toEqual(new Set(['lock']))
    const published = events.map(({ name, event }) => `${name} ${event}`)
    expect(published.slice(0, 3)).toEqual(['x acquired', 'x timeout', 'x released'])
    expect(published.slice(3).sort()).toEqual(
      ['y', 'z', '{t}y', '{t}z'].flatMap((name) => [`${name} acquired`, `${name} released`]).sort(),
    )
  })
})
