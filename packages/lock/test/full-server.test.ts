import { startRedis } from '@cache/testkit'
import { describe, expect, it, vi } from 'vitest'
import { createLocks, createReadWriteLock, createRedlock, createSemaphore } from '../src/index.js'
import { connect, driverNames, shortTimeouts } from './drivers.js'
import { startProxiedServer } from './proxied-server.js'
import { withoutTombstones } from './tombstones.js'

// The tests run concurrently, because each has its own servers and clients.
describe.each(driverNames)(
  'when Redis is full, on %s',
  { timeout: 60_000, concurrent: true },
  (driver) => {
    it('held locks are renewed, extended and released, and waiters leave the queue', async () => {
      await using proxied = await startProxiedServer(driver)
      const { server, client, directClient } = proxied
      const locks = createLocks({ client })
      const others = createLocks({ client: directClient })
      const semaphore = createSemaphore({ client, name: 'p', permits: 2 })
      const rw = createReadWriteLock({ client, name: 'rw' })
      const ttl = 1_500
      const held = [
        await locks.acquire('x', { ttl }),
        await locks.acquire('y', { ttl }),
        await semaphore.acquire({ ttl }),
        await semaphore.acquire({ ttl }),
        await rw.write.acquire({ ttl }),
        await locks.acquireAll(['{t}a', '{t}b', '{t}c'], { ttl }),
      ]
      await locks.acquire('forced', { ttl: '1m' })
      const controller = new AbortController()
      const waiting = ['x', 'y'].map((name) => others.acquire(name, { signal: controller.signal }))
      for (const wait of waiting) wait.catch(() => undefined)
      await vi.waitFor(async () => {
        for (const name of ['x', 'y']) expect((await locks.inspect(name))!.waiting).toBe(1)
      })
      await server.fill()
      await expect(locks.acquire('z')).rejects.toMatchObject({ code: 'OOM' })
      expect(await others.tryAcquire('x')).toBeNull()
      await expect(others.acquireAll(['{t}a', '{t}d'], { wait: 100 })).rejects.toThrow()
      await new Promise((resolve) => setTimeout(resolve, 2_200)) // longer than a ttl
      for (const lock of held) lock.assertHeld()
      for (const lock of held) await lock.extend('1m')
      for (const lock of held) await lock.extend(100) // never shortens
      controller.abort(new Error('no time'))
      for (const wait of waiting) await expect(wait).rejects.toThrow()
      await vi.waitFor(async () => {
        for (const name of ['x', 'y']) expect((await locks.inspect(name))!.waiting).toBe(0)
      })
      for (const lock of held) expect(await lock.release()).toBe(true)
      expect(await others.forceRelease('forced')).toBe(true)
      expect(
        withoutTombstones((await server.cli('KEYS', '*')).split('\n')).filter(
          (key) => !key.endsWith(':fence'),
        ),
      ).toEqual([])
      await server.empty()
      for (const name of ['x', 'y', 'z', '{t}a', 'forced'])
        await (await locks.tryAcquire(name))!.release()
    })

    it('the same holds for several independent servers', async () => {
      const servers = await Promise.all([1, 2, 3].map(() => startRedis()))
      const connected = servers.map(({ url }) => connect(driver, url, shortTimeouts))
      try {
        const locks = createRedlock({ clients: connected.map(({ client }) => client), ttl: 1_500 })
        const lock = await locks.acquire('x')
        await Promise.all(servers.map((server) => server.fill()))
        await new Promise((resolve) => setTimeout(resolve, 2_200))
        lock.assertHeld()
        expect(await lock.release()).toBe(true)
        await Promise.all(servers.map((server) => server.empty()))
        await (await locks.acquire('x')).release()
        await locks.close()
      } finally {
        await Promise.all(connected.map((connection) => connection[Symbol.asyncDispose]()))
        await Promise.all(servers.map((server) => server.stop()))
      }
    })
  },
)
