import {
  CommandTimeoutError,
  ConnectionError,
  ServerError,
  type CacheClient,
  type ResilienceOptions,
} from '@cache/core'
import { startProxy, startRedis } from '@cache/testkit'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { safe } from '../src/backends/backend.js'
import {
  createLocks,
  createSemaphore,
  LockLostError,
  LockTimeoutError,
  type Locks,
} from '../src/index.js'
import { connect, driverNames, patient } from './drivers.js'

const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

/** Core's errors where Redis does not answer: which one depends on what else was asked of it. */
const isOutage = (error: unknown): boolean =>
  error instanceof ConnectionError || error instanceof CommandTimeoutError

describe.each(driverNames)(
  'with Redis out, on %s',
  (driver) => {
    const ends: (() => unknown)[] = []
    const clients: CacheClient[] = []
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end()
      expect(unhandled).toEqual([])
    })

    async function start(options: Parameters<typeof startRedis>[0] = {}) {
      const server = await startRedis(options)
      ends.push(() => server.stop())
      return server
    }

    function locksAt(url: string, resilience?: ResilienceOptions): Locks {
      const connected = connect(driver, url, resilience)
      const locks = createLocks({ client: connected.client })
      clients.push(connected.client)
      ends.push(
        () => connected[Symbol.asyncDispose](),
        () => locks.close(),
      )
      return locks
    }

    it('locks refuse: within their wait, and without a hang', async () => {
      const server = await start()
      await server.kill()
      const locks = locksAt(server.url)
      const started = performance.now()
      const error = await locks.acquire('x', { wait: 800 }).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(LockTimeoutError)
      expect((error as Error).cause).toSatisfy(isOutage)
      expect(performance.now() - started).toBeLessThan(800 + 2_000)
      await expect(locks.tryAcquire('x')).rejects.toSatisfy(isOutage)
      await expect(locks.inspect('x')).rejects.toSatisfy(isOutage)
      let ran = false
      await expect(
        locks.withLock(
          'x',
          () => {
            ran = true
          },
          { wait: 200 },
        ),
      ).rejects.toBeInstanceOf(LockTimeoutError)
      expect(ran).toBe(false)
    })

    it('an outage that is shorter than the wait is waited out', async () => {
      const server = await start()
      const locks = locksAt(server.url)
      await locks.withLock('x', () => undefined)
      await server.kill()
      const waiting = locks.acquire('x', { wait: '20s' })
      await new Promise((resolve) => setTimeout(resolve, 700))
      await server.restart()
      const lock = await waiting
      lock.assertHeld()
      expect(await lock.release()).toBe(true)
    })

    it('a wait on a server that is silent ends at its signal', async () => {
      const server = await start()
      const locks = locksAt(server.url)
      await locks.withLock('x', () => undefined)
      await server.pause()
      const controller = new AbortController()
      const waiting = locks.acquire('x', { wait: '1m', signal: controller.signal })
      await new Promise((resolve) => setTimeout(resolve, 100))
      const started = performance.now()
      controller.abort(new Error('no time'))
      await expect(waiting).rejects.toThrow('no time')
      expect(performance.now() - started).toBeLessThan(2_000)
      await server.resume()
      // What it asked for in vain is not kept from others.
      await vi.waitFor(async () => (await locks.acquire('x', { wait: 500 })).release(), {
        timeout: 15_000,
      })
    })

    it('a holder keeps its lock until its deadline, and not longer; its work ends with its own result', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      ends.push(() => proxy.close())
      const locks = locksAt(proxy.url)
      const result = await locks.withLock(
        'x',
        async (lock) => {
          await proxy.cut()
          await expect(lock.extend()).rejects.toBeInstanceOf(ConnectionError)
          lock.assertHeld()
          const before = lock.remaining
          expect(before).toBeGreaterThan(0)
          await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 10_000 })
          expect(() => lock.assertHeld()).toThrow(LockLostError)
          expect(lock.remaining).toBe(0)
          return 'the result'
        },
        { ttl: 1_500 },
      )
      expect(result).toBe('the result')
      await expect(locks.withLock('y', () => undefined, { wait: 100 })).rejects.toBeInstanceOf(
        LockTimeoutError,
      )
      await proxy.pass()
      await vi.waitFor(
        async () => expect(await (await locks.acquire('x', { wait: 500 })).release()).toBe(true),
        { timeout: 15_000 },
      )
    })

    it('the work’s error wins over a release that fails', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      ends.push(() => proxy.close())
      const locks = locksAt(proxy.url)
      await expect(
        locks.withLock('x', async () => {
          await proxy.cut()
          throw new Error('of the work')
        }),
      ).rejects.toThrow('of the work')
      const lock = await (await proxy.pass(),
      vi.waitFor(() => locks.acquire('y', { wait: 500 }), { timeout: 15_000 }))
      await proxy.cut()
      await expect(lock.release()).rejects.toBeInstanceOf(ConnectionError)
    })

    it('a lock whose grant got lost on the way is found by the one that asked for it', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      ends.push(() => proxy.close())
      const locks = locksAt(proxy.url)
      await locks.withLock('x', () => undefined)
      proxy.swallow('replies')
      const waiting = locks.acquire('x', { ttl: '10m', wait: '20s' })
      await vi.waitFor(async () => expect(await server.cli('EXISTS', 'lock:x')).toContain('1'), {
        timeout: 5_000,
      })
      await proxy.pass()
      const lock = await waiting
      expect((await locks.inspect('x'))!.fence).toBe(lock.fence)
      expect(await lock.release()).toBe(true)
    })

    it('a deadline is reckoned from when the request left, not from when the answer came', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      ends.push(() => proxy.close())
      const locks = locksAt(proxy.url, patient)
      await locks.withLock('x', () => undefined)
      const [TTL, DELAY] = [10_000, 200]
      proxy.delay(DELAY)
      const most = safe(TTL) + DELAY / 2
      const asked = performance.now()
      const lock = await locks.acquire('x', { ttl: TTL, renew: false })
      const semaphore = createSemaphore({
        client: clients.at(-1)!,
        name: 'p',
        permits: 1,
        renew: false,
      })
      expect(performance.now() + lock.remaining - asked).toBeLessThan(most)
      const askedAgain = performance.now()
      await lock.extend()
      expect(performance.now() + lock.remaining - askedAgain).toBeLessThan(most)
      const askedForPermit = performance.now()
      const permit = await semaphore.acquire({ ttl: TTL })
      expect(performance.now() + permit.remaining - askedForPermit).toBeLessThan(most)
      await Promise.all([lock.release(), permit.release()])
      await semaphore.close()
    })

    it('a blip between two renewals is made up for', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      ends.push(() => proxy.close())
      const locks = locksAt(proxy.url)
      const lock = await locks.acquire('x', { ttl: 3_000 })
      for (let i = 0; i < 3; i++) {
        await proxy.cut()
        await new Promise((resolve) => setTimeout(resolve, 500))
        await proxy.pass()
        await new Promise((resolve) => setTimeout(resolve, 1_000))
        lock.assertHeld()
      }
      expect(await lock.release()).toBe(true)
    })

    it('a primary that has lost its replicas renews no lock, where it is told to refuse writes then', async () => {
      const server = await start()
      const locks = locksAt(server.url)
      const lock = await locks.acquire('x', { ttl: 900 })
      await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '1')
      await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 5_000 })
      expect(lock.signal.reason).toMatchObject({ reason: 'expired' })
      await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '0')
      await (await locks.acquire('x')).release()
    })

    it('a server without memory, and a key of another type, are refused at once with what Redis said', async () => {
      const server = await start({
        config: { maxmemory: '100mb', 'maxmemory-policy': 'noeviction' },
      })
      const locks = locksAt(server.url)
      await server.cli('RPUSH', 'lock:list', 'mine')
      await expect(locks.acquire('list')).rejects.toMatchObject({
        name: 'ServerError',
        code: 'WRONGTYPE',
      })
      await expect(locks.tryAcquire('list')).rejects.toBeInstanceOf(ServerError)
      const held = await locks.acquire('held')
      await server.cli('CONFIG', 'SET', 'maxmemory', '1')
      await expect(locks.acquire('x')).rejects.toMatchObject({ name: 'ServerError', code: 'OOM' })
      expect(await held.release()).toBe(true) // giving back needs no memory
      expect(await server.cli('LLEN', 'lock:list')).toContain('1')
    })
  },
  60_000,
)
