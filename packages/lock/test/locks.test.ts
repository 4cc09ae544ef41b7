import { channels, createCacheClient, type Messages } from '@cache/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  createLocks,
  LockLostError,
  LockTimeoutError,
  type Locks,
  type LocksOptions,
} from '../src/index.js'
import { onEach } from './cases.js'
import { withoutReceipts } from './receipts.js'

onEach(({ newClient, ask, keys }) => {
  const open: Locks[] = []
  const newLocks = (options: Partial<LocksOptions> = {}): Locks => {
    const locks = createLocks({ client: newClient(), ...options })
    open.push(locks)
    return locks
  }
  const deafClient = () => {
    const driver = newClient().driver
    const client = createCacheClient(
      { ...driver, subscribe: () => Promise.reject(new Error('no messages here')) },
      { namespace: 'shop' },
    )
    return { client, stop: () => client.close() }
  }
  afterEach(() => Promise.all(open.splice(0).map((locks) => locks.close())))

  describe('a lock', () => {
    it('is held by one at a time, and free again after its release', async () => {
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

    it('is given back at the end of its block', async () => {
      const locks = newLocks()
      {
        await using lock = await locks.acquire('x')
        expect(await ask('EXISTS', 'shop:lock:x')).toBe(1)
        lock.assertHeld()
      }
      expect(await ask('EXISTS', 'shop:lock:x')).toBe(0)
    })

    it('lives on while it is held, and ends with its ttl where it is not renewed', async () => {
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
      const started = performance.now()
      const lock = await locks.acquire('x', { ttl: 900, maxHold: 1_350 })
      await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), {
        timeout: 5_000,
        interval: 5,
      })
      expect(performance.now() - started).toBeGreaterThanOrEqual(1_349)
      expect(lock.signal.reason).toMatchObject({ reason: 'max-hold' })
    })

    it('that was freed by force is lost to its holder within a third of the ttl, and can be had at once', async () => {
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

    it('says who holds it', async () => {
      const locks = newLocks({ label: 'billing' })
      expect(await locks.inspect('x')).toBeNull()
      const lock = await locks.acquire('x', { ttl: '30s' })
      const waiting = newLocks().acquire('x')
      await vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(1), {
        timeout: 10_000,
      })
      const found = (await locks.inspect('x'))!
      expect(found).toMatchObject({ pid: process.pid, label: 'billing', fence: lock.fence })
      expect(found.host).not.toBe('')
      expect(found.remaining).toBeGreaterThan(10_000)
      expect(found.remaining).toBeLessThanOrEqual(30_000)
      expect(Math.abs(found.since.getTime() - Date.now())).toBeLessThan(60_000)
      await lock.release()
      await (await waiting).release()
    })
  })

  describe('withLock', () => {
    it('answers what the work answers, or rejects with its error, whatever becomes of the release', async () => {
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
          throw new Error('of the work')
        }),
      ).rejects.toThrow('of the work')
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
          expect(withoutReceipts(await keys())).toEqual([
            'shop:lock:x',
            'shop:lock:{shop:lock:x}:fence',
          ]),
        { timeout: 5_000 },
      ) // where Redis is slow, who gives up doesn't wait for it
      await lock.release()
      expect(withoutReceipts(await keys())).toEqual(['shop:lock:{shop:lock:x}:fence'])
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
          expect(withoutReceipts(await keys())).toEqual([
            'shop:lock:x',
            'shop:lock:{shop:lock:x}:fence',
          ]),
        { timeout: 5_000 },
      )
      await expect(locks.acquire('y', { signal: controller.signal })).rejects.toThrow('no time')
      await lock.release()
    })

    it('is first come, first served, and the next is woken, not polling', async () => {
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
      await new Promise((resolve) => setTimeout(resolve, 300)) // all of them listen by now
      const started = performance.now()
      await holder.release()
      await Promise.all(waiters)
      expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      // by their polls alone ten hand-overs would take about twice that
      expect(performance.now() - started).toBeLessThan(2_500)
    })

    it('gives way to nobody but who barges', async () => {
      const locks = newLocks()
      const { client, stop } = deafClient() // it waits, and does not hear of its turn
      const lock = await locks.acquire('x')
      const waiting = createLocks({ client }).acquire('x')
      await vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(1), {
        timeout: 10_000,
      })
      await lock.release()
      expect(await locks.tryAcquire('x')).toBeNull()
      const barged = await locks.tryAcquire('x', { fair: false })
      barged!.assertHeld()
      await barged!.release()
      await (await waiting).release() // by its poll
      await stop()
    })

    it('is lost to its holder, who is told before another can have it, when what it was acquired from is closed', async () => {
      const [locks, others] = [newLocks(), newLocks()]
      const order: string[] = []
      let heard: unknown
      let next: Promise<unknown> | undefined
      await locks.withLock('x', async (lock) => {
        const { signal } = lock
        signal.addEventListener('abort', () => void order.push('told'))
        next = others.acquire('x').then(() => order.push('taken by another'))
        await vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(1), {
          timeout: 10_000,
        })
        await locks.close()
        heard = signal.reason
        expect(() => lock.assertHeld()).toThrow(LockLostError)
      })
      expect(heard).toMatchObject({ name: 'LockLostError', reason: 'closed' })
      await next
      expect(order).toEqual(['told', 'taken by another'])
    })

    it('is not handed out any more when it is granted after close, which waits for it to be given back', async () => {
      for (const ask of [
        (locks: Locks) => locks.tryAcquire('x'),
        (locks: Locks) => locks.acquire('x'),
        (locks: Locks) => locks.acquireAll(['{t}x', '{t}y']),
        (locks: Locks) => locks.acquireAll(['x', 'y']),
      ]) {
        const locks = newLocks()
        const asked = ask(locks)
        asked.catch(() => undefined)
        const left = async () =>
          withoutReceipts(await keys()).filter((key) => !key.endsWith(':fence'))
        const closing = performance.now()
        await locks.close()
        if (performance.now() - closing < 45) expect(await left()).toEqual([])
        // where Redis is slower than 50 ms, it is not waited for
        await vi.waitFor(async () => expect(await left()).toEqual([]), { timeout: 5_000 })
        await expect(asked).rejects.toMatchObject({ code: 'CLOSED' })
      }
    })

    it('is ended by close, which gives back what is held', async () => {
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
      expect(withoutReceipts(await keys())).toEqual(['shop:lock:{shop:lock:x}:fence'])
    })
  })

  describe('acquireAll', () => {
    it('takes all or none', async () => {
      const [a, b] = [newLocks(), newLocks()]
      const set = await a.acquireAll(['x', 'y', 'z', 'x'])
      expect(set.locks.map(({ name }) => name)).toEqual(['x', 'y', 'z'])
      set.assertHeld()
      expect(await b.tryAcquire('y')).toBeNull()
      await expect(b.acquireAll(['w', 'y'], { wait: 200 })).rejects.toBeInstanceOf(LockTimeoutError)
      expect(await b.tryAcquire('w')).not.toBeNull()
      expect(await set.release()).toBe(true)
      for (const name of ['x', 'y', 'z']) await (await b.acquire(name)).release()
    })

    it('of two who want the same in another order does not lock up', async () => {
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

    it('is lost as soon as one of its locks is', async () => {
      const locks = newLocks()
      const set = await locks.acquireAll(['x', 'y'], { ttl: 600 })
      await locks.forceRelease('y')
      await vi.waitFor(() => expect(set.signal.aborted).toBe(true), { timeout: 5_000 })
      expect(() => set.assertHeld()).toThrow(LockLostError)
      expect(await set.release()).toBe(false)
    })
  })

  it('tells what happens on cache:lock', async () => {
    const told: Messages['lock'][] = []
    const listen = (message: unknown): void => {
      told.push(message as Messages['lock'])
    }
    channels.lock.subscribe(listen)
    const locks = newLocks()
    await locks.withLock('x', () => locks.acquire('x', { wait: 50 }).catch(() => undefined))
    channels.lock.unsubscribe(listen)
    expect(told.map(({ name, event }) => `${name} ${event}`)).toEqual([
      'x acquired',
      'x timeout',
      'x released',
    ])
  })
})
