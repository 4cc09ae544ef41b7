import {
  CommandTimeoutError,
  ConnectionError,
  ServerError,
  type CacheClient,
  type ResilienceOptions,
} from '@cache/core'
import { startProxy, startRedis } from '@cache/testkit'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { validityTime } from '../src/backends/timing.js'
import {
  createLocks,
  createSemaphore,
  LockLostError,
  LockTimeoutError,
  type Locks,
} from '../src/index.js'
import { connect, driverNames, longTimeouts } from './drivers.js'

const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

/** Whether it is one of core's errors for a Redis that does not answer. */
const isOutage = (error: unknown): boolean =>
  error instanceof ConnectionError || error instanceof CommandTimeoutError

describe.each(driverNames)(
  'while Redis is down, on %s',
  (driver) => {
    const cleanups: (() => unknown)[] = []
    const clients: CacheClient[] = []
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
      expect(unhandled).toEqual([])
    })

    async function start(options: Parameters<typeof startRedis>[0] = {}) {
      const server = await startRedis(options)
      cleanups.push(() => server.stop())
      return server
    }

    function locksAt(url: string, resilience?: ResilienceOptions): Locks {
      const connected = connect(driver, url, resilience)
      const locks = createLocks({ client: connected.client })
      clients.push(connected.client)
      cleanups.push(
        () => connected[Symbol.asyncDispose](),
        () => locks.close(),
      )
      return locks
    }

    it('calls reject within their wait', async () => {
      const server = await start()
      await server.kill()
      const locks = locksAt(server.url)
      const startedAt = performance.now()
      const error = await locks.acquire('x', { wait: 800 }).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(LockTimeoutError)
      expect((error as Error).cause).toSatisfy(isOutage)
      expect(performance.now() - startedAt).toBeLessThan(800 + 2_000)
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

    it('a wait on a silent server ends with its signal', async () => {
      const server = await start()
      const locks = locksAt(server.url)
      await locks.withLock('x', () => undefined)
      await server.pause()
      const controller = new AbortController()
      const waiting = locks.acquire('x', { wait: '1m', signal: controller.signal })
      await new Promise((resolve) => setTimeout(resolve, 100))
      const startedAt = performance.now()
      controller.abort(new Error('no time'))
      await expect(waiting).rejects.toThrow('no time')
      expect(performance.now() - startedAt).toBeLessThan(2_000)
      await server.resume()
      // The unsuccessful request does not block others.
      await vi.waitFor(async () => (await locks.acquire('x', { wait: 500 })).release(), {
        timeout: 15_000,
      })
    })

    it('a holder keeps its lock until its deadline, and its work has its own result', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      cleanups.push(() => proxy.close())
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

    it('the error of the work takes precedence over that of the release', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      cleanups.push(() => proxy.close())
      const locks = locksAt(proxy.url)
      await expect(
        locks.withLock('x', async () => {
          await proxy.cut()
          throw new Error('work failed')
        }),
      ).rejects.toThrow('work failed')
      await proxy.pass()
      const lock = await vi.waitFor(() => locks.acquire('y', { wait: 500 }), { timeout: 15_000 })
      await proxy.cut()
      await expect(lock.release()).rejects.toBeInstanceOf(ConnectionError)
    })

    it('a lock whose reply was lost is returned to its caller by the next attempt', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      cleanups.push(() => proxy.close())
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

    it('a deadline counts from when the request was sent, not from its reply', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      cleanups.push(() => proxy.close())
      const locks = locksAt(proxy.url, longTimeouts)
      await locks.withLock('x', () => undefined)
      const [TTL, DELAY] = [10_000, 200]
      proxy.delay(DELAY)
      const longest = validityTime(TTL) + DELAY / 2
      const acquireSentAt = performance.now()
      const lock = await locks.acquire('x', { ttl: TTL, renew: false })
      const semaphore = createSemaphore({
        client: clients.at(-1)!,
        name: 'p',
        permits: 1,
        renew: false,
      })
      expect(performance.now() + lock.remaining - acquireSentAt).toBeLessThan(longest)
      const extendSentAt = performance.now()
      await lock.extend()
      expect(performance.now() + lock.remaining - extendSentAt).toBeLessThan(longest)
      const permitSentAt = performance.now()
      const permit = await semaphore.acquire({ ttl: TTL })
      expect(performance.now() + permit.remaining - permitSentAt).toBeLessThan(longest)
      await Promise.all([lock.release(), permit.release()])
      await semaphore.close()
    })

    it('a short outage between two renewals does not lose the lock', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      cleanups.push(() => proxy.close())
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

    it('a primary without replicas renews no lock, if it is set to refuse writes', async () => {
      const server = await start()
      const locks = locksAt(server.url)
      const lock = await locks.acquire('x', { ttl: 900 })
      await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '1')
      await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 5_000 })
      expect(lock.signal.reason).toMatchObject({ reason: 'expired' })
      await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '0')
      await (await locks.acquire('x')).release()
    })

    it('a full server and a key of another type reject at once with Redis’ error', async () => {
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
      expect(await held.release()).toBe(true) // a release needs no memory
      expect(await server.cli('LLEN', 'lock:list')).toContain('1')
    })
  },
  60_000,
)
