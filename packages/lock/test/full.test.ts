import { startRedis } from '@cache/testkit'
import { describe, expect, it, vi } from 'vitest'
import { createLocks, createReadWriteLock, createRedlock, createSemaphore } from '../src/index.js'
import { openLine } from './connections.js'
import { connect, driverNames, hasty } from './drivers.js'
import { withoutReceipts } from './receipts.js'

// Each has servers and clients of its own.
describe.each(driverNames)(
  'where Redis is full, on %s',
  { timeout: 60_000, concurrent: true },
  (driver) => {
    it('all that is held is renewed, extended and given back, and whoever waits leaves', async () => {
      await using line = await openLine(driver)
      const { server, client, other } = line
      const [locks, others] = [createLocks({ client }), createLocks({ client: other })]
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
      for (const one of waiting) one.catch(() => undefined)
      await vi.waitFor(async () => {
        for (const name of ['x', 'y']) expect((await locks.inspect(name))!.waiting).toBe(1)
      })
      await server.fill()
      await expect(locks.acquire('z')).rejects.toMatchObject({ code: 'OOM' })
      expect(await others.tryAcquire('x')).toBeNull()
      await expect(others.acquireAll(['{t}a', '{t}d'], { wait: 100 })).rejects.toThrow()
      await new Promise((resolve) => setTimeout(resolve, 2_200)) // longer than a ttl
      for (const one of held) one.assertHeld()
      for (const one of held) await one.extend('1m')
      for (const one of held) await one.extend(100) // which changes nothing
      controller.abort(new Error('no time'))
      for (const one of waiting) await expect(one).rejects.toThrow()
      await vi.waitFor(async () => {
        for (const name of ['x', 'y']) expect((await locks.inspect(name))!.waiting).toBe(0)
      })
      for (const one of held) expect(await one.release()).toBe(true)
      expect(await others.forceRelease('forced')).toBe(true)
      expect(
        withoutReceipts((await server.cli('KEYS', '*')).split('\n')).filter(
          (key) => !key.endsWith(':fence'),
        ),
      ).toEqual([])
      await server.empty()
      for (const name of ['x', 'y', 'z', '{t}a', 'forced'])
        await (await locks.tryAcquire(name))!.release()
    })

    it('also where they are several independent servers', async () => {
      const servers = await Promise.all([1, 2, 3].map(() => startRedis()))
      const connected = servers.map(({ url }) => connect(driver, url, hasty))
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
        await Promise.all(connected.map((one) => one[Symbol.asyncDispose]()))
        await Promise.all(servers.map((server) => server.stop()))
      }
    })
  },
)
