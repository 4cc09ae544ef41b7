import type { CacheClient } from '@cache/core'
import { startRedis } from '@cache/testkit'
import { describe, expect, it, vi } from 'vitest'
import {
  createLocks,
  createReadWriteLock,
  createRedlock,
  createSemaphore,
  createStampedeGuard,
} from '../src/index.js'
import { openLine, watchUnsent } from './connections.js'
import { connect, driverNames, hasty } from './drivers.js'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What others do meanwhile, and get no answer to. */
function traffic(client: CacheClient): () => void {
  const asking = setInterval(() => {
    for (let i = 0; i < 5; i++)
      client.send({ args: ['GET', 'x'], keys: ['x'] }, { timeout: 90 }).catch(() => undefined)
  }, 50)
  return () => clearInterval(asking)
}

// Each has servers and clients of its own.
describe.each(driverNames)(
  'what nobody holds is given back, on %s',
  { timeout: 60_000, concurrent: true },
  (driver) => {
    it.each([false, true])(
      'after Redis was silent to whoever asked for it (with other traffic: %s)',
      async (busy) => {
        await using line = await openLine(driver)
        const { server, client, other } = line
        const things = (at: CacheClient) => {
          const locks = createLocks({ client: at })
          const rwlocks = ['r', 'w'].map((name) => createReadWriteLock({ client: at, name }))
          const semaphore = createSemaphore({ client: at, name: 'p', permits: 1 })
          return { locks, semaphore, reading: rwlocks[0]!, writing: rwlocks[1]! }
        }
        const { locks, semaphore, reading, writing } = things(client)
        await locks.withLock('warm', () => undefined)
        await server.pause()
        const stop = busy ? traffic(client) : () => undefined
        const controller = new AbortController()
        const call = { ttl: '10m', wait: 700 } as const
        const asked = [
          locks.acquire('timed out', call),
          locks.acquire('aborted', { ...call, wait: '1m', signal: controller.signal }),
          locks.tryAcquire('tried', call),
          locks.acquireAll(['{t}a', '{t}b'], call),
          locks.acquireAll(['c', 'd'], call),
          semaphore.acquire(call),
          reading.read.acquire(call),
          writing.write.acquire(call),
        ]
        setTimeout(() => controller.abort(new Error('no time')), 300)
        for (const result of await Promise.allSettled(asked)) expect(result.status).toBe('rejected')
        await server.resume()
        stop()
        const others = things(other)
        await vi.waitFor(
          async () => {
            const asked = await Promise.allSettled([
              ...['timed out', 'aborted', 'tried', '{t}a', '{t}b', 'c', 'd'].map((name) =>
                others.locks.tryAcquire(name),
              ),
              others.semaphore.tryAcquire(),
              others.reading.write.tryAcquire(),
              others.writing.write.tryAcquire(),
            ])
            const free = asked.flatMap((one) =>
              one.status === 'fulfilled' && one.value ? [one.value] : [],
            )
            for (const lock of free) await lock.release()
            expect(free).toHaveLength(asked.length)
          },
          { timeout: 15_000, interval: 200 },
        )
        await sleep(300) // nothing of what was asked for comes later
        expect(
          await server.cli(
            'EXISTS',
            'lock:timed out',
            'lock:aborted',
            'lock:tried',
            'lock:{t}a',
            'lock:c',
            'semaphore:p',
            'rwlock:r',
            'rwlock:w',
          ),
        ).toContain('0')
      },
    )

    it('when its caller has left and its connection is cut, also if the request arrives after its release', async () => {
      await using line = await openLine(driver)
      const { server, proxy, client } = line
      const locks = createLocks({ client })
      await locks.withLock('warm', () => undefined)
      const controller = new AbortController()
      const held = proxy.hold()
      const acquiring = locks.acquire('x', { ttl: '10m', signal: controller.signal })
      acquiring.catch(() => undefined)
      await vi.waitFor(() => expect(held.bytes).toBeGreaterThan(0))
      controller.abort(new Error('no time'))
      await expect(acquiring).rejects.toThrow('no time')
      await proxy.cut()
      await sleep(200)
      await proxy.pass()
      await vi.waitFor(
        async () => expect(await server.cli('KEYS', '*lock:x*:left:*')).not.toBe(''),
        { timeout: 10_000 },
      )
      await held.deliver()
      expect(await server.cli('EXISTS', 'lock:x')).toContain('0')
    })

    it('when a release, or an extension, got no answer', async () => {
      await using line = await openLine(driver)
      const { server, proxy, client } = line
      const locks = createLocks({ client, renew: false })
      await locks.withLock('warm', (lock) => lock.extend())
      const free = (name: string) =>
        vi.waitFor(async () => expect(await server.cli('EXISTS', `lock:${name}`)).toContain('0'), {
          timeout: 15_000,
        })

      const released = await locks.acquire('released', { ttl: '10m' })
      await server.pause()
      await expect(released.release()).rejects.toThrow()
      await server.resume()
      await free('released')

      const expired = await locks.acquire('expired', { ttl: '1s' })
      proxy.swallow('replies')
      await expect(expired.extend('10m')).rejects.toThrow()
      expect(Number(await server.cli('PTTL', 'lock:expired'))).toBeGreaterThan(500_000)
      await vi.waitFor(() => expect(expired.signal.aborted).toBe(true), { timeout: 5_000 })
      await proxy.pass()
      await free('expired')
    })

    it.each([
      [1, 1],
      [3, 3],
      [1, 3],
    ])(
      'and close() waits for what is under way, where %i of %i servers are silent',
      async (silent, count) => {
        const servers = await Promise.all(Array.from({ length: count }, () => startRedis()))
        const connected = servers.map(({ url }) => connect(driver, url, hasty))
        let underWay = 0
        const clients = connected.map(({ client }): CacheClient => ({
          ...client,
          run: (...call) => {
            underWay++
            return client.run(...call).finally(() => underWay--)
          },
        }))
        try {
          const locks =
            count === 1
              ? createLocks({ client: clients[0]!, renew: false })
              : createRedlock({ clients, renew: false })
          await locks.acquire('x', { wait: '20s' })
          await vi.waitFor(() => expect(underWay).toBe(0))
          await Promise.all(servers.slice(0, silent).map((server) => server.pause()))
          await locks.close()
          expect(underWay).toBe(0)
          await Promise.all(servers.slice(0, silent).map((server) => server.resume()))
        } finally {
          await Promise.all(connected.map((one) => one[Symbol.asyncDispose]()))
          await Promise.all(servers.map((server) => server.stop()))
        }
      },
    )

    it('on each of several independent servers', async () => {
      const servers = await Promise.all([1, 2, 3].map(() => startRedis()))
      const connected = servers.map(({ url }) => connect(driver, url, hasty))
      try {
        const locks = createRedlock({ clients: connected.map(({ client }) => client) })
        await locks.withLock('warm', () => undefined)
        await Promise.all([servers[0]!.pause(), servers[1]!.pause()])
        const stops = [0, 1].map((i) => traffic(connected[i]!.client))
        await sleep(600) // nothing is sent to them any more
        await expect(locks.acquire('x', { ttl: '10m', wait: 500 })).rejects.toThrow()
        await servers[0]!.resume()
        const lock = await vi.waitFor(() => locks.acquire('y', { ttl: '10m', wait: 1_000 }), {
          timeout: 10_000,
        })
        await lock.release() // one server does not answer
        stops.forEach((stop) => stop())
        await servers[1]!.resume()
        await vi.waitFor(
          async () => {
            for (const server of servers)
              expect(await server.cli('EXISTS', 'redlock:x', 'redlock:y')).toContain('0')
          },
          { timeout: 15_000 },
        )
        await locks.close()
      } finally {
        await Promise.all(connected.map((one) => one[Symbol.asyncDispose]()))
        await Promise.all(servers.map((server) => server.stop()))
      }
    })

    it('but not what was never sent', async () => {
      await using line = await openLine(driver)
      const { server, client } = line
      const watched = watchUnsent(client)
      const locks = createLocks({ client: watched.client })
      const semaphore = createSemaphore({ client: watched.client, name: 'p', permits: 1 })
      await locks.withLock('warm', () => undefined)
      await server.kill()
      let tried = 0
      await vi.waitFor(
        () =>
          expect(locks.tryAcquire(`tried ${tried++}`)).rejects.toMatchObject({
            code: 'CIRCUIT_OPEN',
          }),
        { timeout: 20_000, interval: 10 },
      )
      for (let i = 0; i < 10; i++) {
        const call = { ttl: '10m', wait: 50 } as const
        const asked = [
          locks.tryAcquire(i),
          locks.acquire(`a ${i}`, call),
          locks.acquireAll([`{t}a ${i}`, `{t}b ${i}`], call),
          semaphore.tryAcquire(),
        ]
        for (const result of await Promise.allSettled(asked)) expect(result.status).toBe('rejected')
      }
      expect(watched.unsent.size).toBeGreaterThan(20)
      expect(watched.givenBack).toEqual([])
    })

    it('but not what was never sent to one of several independent servers', async () => {
      const servers = await Promise.all([1, 2, 3].map(() => startRedis()))
      const connected = servers.map(({ url }) => connect(driver, url, hasty))
      const watched = watchUnsent(connected[0]!.client)
      try {
        const clients = [watched.client, ...connected.slice(1).map(({ client }) => client)]
        const [locks, others] = [
          createRedlock({ clients }),
          createRedlock({ clients: connected.map(({ client }) => client) }),
        ]
        await locks.withLock('warm', () => undefined)
        await servers[0]!.kill()
        const held = await others.acquire('x', { wait: '20s' })
        const controller = new AbortController()
        const waiting = Array.from({ length: 20 }, () =>
          locks.acquire('x', { wait: '1m', signal: controller.signal }),
        )
        for (const one of waiting) one.catch(() => undefined)
        await vi.waitFor(() => expect(watched.unsent.size).toBeGreaterThan(50), { timeout: 20_000 })
        controller.abort(new Error('no time'))
        await Promise.allSettled(waiting)
        await held.release()
        expect(watched.givenBack).toEqual([])
        await Promise.all([locks.close(), others.close()])
      } finally {
        await Promise.all(connected.map((one) => one[Symbol.asyncDispose]()))
        await Promise.all(servers.map((server) => server.stop()))
      }
    })

    it('also the right to load of a stampede guard whose request got no answer', async () => {
      await using line = await openLine(driver)
      const { server, proxy, client } = line
      const stalling = { ...client, entries: { ...client.entries } }
      stalling.entries.lease = (...args) => {
        const before = proxy.swallowed
        proxy.swallow('replies')
        void vi
          .waitFor(() => expect(proxy.swallowed).toBeGreaterThan(before))
          .then(() => proxy.pass())
        return client.entries.lease(...args)
      }
      const locks = createLocks({ client })
      const guard = createStampedeGuard<string>({ client: stalling, locks, ttl: '1h' })
      await client.entries
        .lease('warm', { decode: (bytes: Buffer) => bytes } as never, { token: 'x', ttl: 1_000 })
        .catch(() => undefined)
      expect(await guard.get('k', () => 'value')).toBe('value')
      await vi.waitFor(async () => expect(await server.cli('KEYS', '*k*lease*')).toBe(''), {
        timeout: 10_000,
      })
      await locks.close()
    })
  },
)
