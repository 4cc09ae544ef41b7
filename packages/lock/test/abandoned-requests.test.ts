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
import { connect, driverNames, shortTimeouts } from './drivers.js'
import { startProxiedServer } from './proxied-server.js'
import { recordUnsent } from './wrapped-clients.js'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Sends other commands, which get no reply, until the returned function is called. */
function sendTraffic(client: CacheClient): () => void {
  const timer = setInterval(() => {
    for (let i = 0; i < 5; i++)
      client.send({ args: ['GET', 'x'], keys: ['x'] }, { timeout: 90 }).catch(() => undefined)
  }, 50)
  return () => clearInterval(timer)
}

// The tests run concurrently, because each has its own servers and clients.
describe.each(driverNames)(
  'a lock without a holder is released, on %s',
  { timeout: 60_000, concurrent: true },
  (driver) => {
    it.each([false, true])(
      'after Redis was silent during the request (with other traffic: %s)',
      async (busy) => {
        await using proxied = await startProxiedServer(driver)
        const { server, client, directClient } = proxied
        const createAll = (client: CacheClient) => ({
          locks: createLocks({ client }),
          semaphore: createSemaphore({ client, name: 'p', permits: 1 }),
          reading: createReadWriteLock({ client, name: 'r' }),
          writing: createReadWriteLock({ client, name: 'w' }),
        })
        const { locks, semaphore, reading, writing } = createAll(client)
        await locks.withLock('warm', () => undefined)
        await server.pause()
        const stopTraffic = busy ? sendTraffic(client) : () => undefined
        const controller = new AbortController()
        const options = { ttl: '10m', wait: 700 } as const
        const calls = [
          locks.acquire('timed out', options),
          locks.acquire('aborted', { ...options, wait: '1m', signal: controller.signal }),
          locks.tryAcquire('tried', options),
          locks.acquireAll(['{t}a', '{t}b'], options),
          locks.acquireAll(['c', 'd'], options),
          semaphore.acquire(options),
          reading.read.acquire(options),
          writing.write.acquire(options),
        ]
        setTimeout(() => controller.abort(new Error('no time')), 300)
        for (const result of await Promise.allSettled(calls)) expect(result.status).toBe('rejected')
        await server.resume()
        stopTraffic()
        const others = createAll(directClient)
        await vi.waitFor(
          async () => {
            const results = await Promise.allSettled([
              ...['timed out', 'aborted', 'tried', '{t}a', '{t}b', 'c', 'd'].map((name) =>
                others.locks.tryAcquire(name),
              ),
              others.semaphore.tryAcquire(),
              others.reading.write.tryAcquire(),
              others.writing.write.tryAcquire(),
            ])
            const acquired = results.flatMap((result) =>
              result.status === 'fulfilled' && result.value ? [result.value] : [],
            )
            for (const lock of acquired) await lock.release()
            expect(acquired).toHaveLength(results.length)
          },
          { timeout: 15_000, interval: 200 },
        )
        await sleep(300) // none of the requests is granted later
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

    it('when its request is aborted and arrives after its release', async () => {
      await using proxied = await startProxiedServer(driver)
      const { server, proxy, client } = proxied
      const locks = createLocks({ client })
      await locks.withLock('warm', () => undefined)
      const controller = new AbortController()
      const heldRequests = proxy.hold()
      const acquiring = locks.acquire('x', { ttl: '10m', signal: controller.signal })
      acquiring.catch(() => undefined)
      await vi.waitFor(() => expect(heldRequests.bytes).toBeGreaterThan(0))
      controller.abort(new Error('no time'))
      await expect(acquiring).rejects.toThrow('no time')
      await proxy.cut()
      await sleep(200)
      await proxy.pass()
      await vi.waitFor(
        async () => expect(await server.cli('KEYS', '*lock:x*:left:*')).not.toBe(''),
        { timeout: 10_000 },
      )
      await heldRequests.deliver()
      expect(await server.cli('EXISTS', 'lock:x')).toContain('0')
    })

    it('when a release or an extension got no reply', async () => {
      await using proxied = await startProxiedServer(driver)
      const { server, proxy, client } = proxied
      const locks = createLocks({ client, renew: false })
      await locks.withLock('warm', (lock) => lock.extend())
      const waitUntilFree = (name: string) =>
        vi.waitFor(async () => expect(await server.cli('EXISTS', `lock:${name}`)).toContain('0'), {
          timeout: 15_000,
        })

      const released = await locks.acquire('released', { ttl: '10m' })
      await server.pause()
      await expect(released.release()).rejects.toThrow()
      await server.resume()
      await waitUntilFree('released')

      const expired = await locks.acquire('expired', { ttl: '1s' })
      proxy.swallow('replies')
      await expect(expired.extend('10m')).rejects.toThrow()
      expect(Number(await server.cli('PTTL', 'lock:expired'))).toBeGreaterThan(500_000)
      await vi.waitFor(() => expect(expired.signal.aborted).toBe(true), { timeout: 5_000 })
      await proxy.pass()
      await waitUntilFree('expired')
    })

    it.each([
      [1, 1],
      [3, 3],
      [1, 3],
    ])(
      'and close() waits for the calls under way, while %i of %i servers are silent',
      async (silentCount, count) => {
        const servers = await Promise.all(Array.from({ length: count }, () => startRedis()))
        const connected = servers.map(({ url }) => connect(driver, url, shortTimeouts))
        let callsUnderWay = 0
        const clients = connected.map(({ client }): CacheClient => ({
          ...client,
          run: (...args) => {
            callsUnderWay++
            return client.run(...args).finally(() => callsUnderWay--)
          },
        }))
        try {
          const locks =
            count === 1
              ? createLocks({ client: clients[0]!, renew: false })
              : createRedlock({ clients, renew: false })
          await locks.acquire('x', { wait: '20s' })
          await vi.waitFor(() => expect(callsUnderWay).toBe(0))
          await Promise.all(servers.slice(0, silentCount).map((server) => server.pause()))
          await locks.close()
          expect(callsUnderWay).toBe(0)
          await Promise.all(servers.slice(0, silentCount).map((server) => server.resume()))
        } finally {
          await Promise.all(connected.map((connection) => connection[Symbol.asyncDispose]()))
          await Promise.all(servers.map((server) => server.stop()))
        }
      },
    )

    it('on each of several independent servers', async () => {
      const servers = await Promise.all([1, 2, 3].map(() => startRedis()))
      const connected = servers.map(({ url }) => connect(driver, url, shortTimeouts))
      try {
        const locks = createRedlock({ clients: connected.map(({ client }) => client) })
        await locks.withLock('warm', () => undefined)
        await Promise.all([servers[0]!.pause(), servers[1]!.pause()])
        const stopTraffic = [0, 1].map((i) => sendTraffic(connected[i]!.client))
        await sleep(600) // the circuit breakers are open by now
        await expect(locks.acquire('x', { ttl: '10m', wait: 500 })).rejects.toThrow()
        await servers[0]!.resume()
        const lock = await vi.waitFor(() => locks.acquire('y', { ttl: '10m', wait: 1_000 }), {
          timeout: 10_000,
        })
        await lock.release() // one server is silent
        stopTraffic.forEach((stop) => stop())
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
        await Promise.all(connected.map((connection) => connection[Symbol.asyncDispose]()))
        await Promise.all(servers.map((server) => server.stop()))
      }
    })

    it('but not if its request was never sent', async () => {
      await using proxied = await startProxiedServer(driver)
      const { server, client } = proxied
      const recorded = recordUnsent(client)
      const locks = createLocks({ client: recorded.client })
      const semaphore = createSemaphore({ client: recorded.client, name: 'p', permits: 1 })
      await locks.withLock('warm', () => undefined)
      await server.kill()
      let attempts = 0
      await vi.waitFor(
        async () => {
          // Not `rejects`: vitest may count it as part of another test that runs concurrently.
          const error = await locks
            .tryAcquire(`tried ${attempts++}`)
            .catch((cause: unknown) => cause)
          expect(error).toMatchObject({ code: 'CIRCUIT_OPEN' })
        },
        { timeout: 20_000, interval: 10 },
      )
      for (let i = 0; i < 10; i++) {
        const options = { ttl: '10m', wait: 50 } as const
        const calls = [
          locks.tryAcquire(i),
          locks.acquire(`a ${i}`, options),
          locks.acquireAll([`{t}a ${i}`, `{t}b ${i}`], options),
          semaphore.tryAcquire(),
        ]
        for (const result of await Promise.allSettled(calls)) expect(result.status).toBe('rejected')
      }
      expect(recorded.unsent.size).toBeGreaterThan(20)
      expect(recorded.releasedUnsent).toEqual([])
    })

    it('but not on one of several independent servers, if it was not sent there', async () => {
      const servers = await Promise.all([1, 2, 3].map(() => startRedis()))
      const connected = servers.map(({ url }) => connect(driver, url, shortTimeouts))
      const recorded = recordUnsent(connected[0]!.client)
      try {
        const clients = [recorded.client, ...connected.slice(1).map(({ client }) => client)]
        const locks = createRedlock({ clients })
        const others = createRedlock({ clients: connected.map(({ client }) => client) })
        await locks.withLock('warm', () => undefined)
        await servers[0]!.kill()
        const held = await others.acquire('x', { wait: '20s' })
        const controller = new AbortController()
        const waiting = Array.from({ length: 20 }, () =>
          locks.acquire('x', { wait: '1m', signal: controller.signal }),
        )
        for (const wait of waiting) wait.catch(() => undefined)
        await vi.waitFor(() => expect(recorded.unsent.size).toBeGreaterThan(50), {
          timeout: 20_000,
        })
        controller.abort(new Error('no time'))
        await Promise.allSettled(waiting)
        await held.release()
        expect(recorded.releasedUnsent).toEqual([])
        await Promise.all([locks.close(), others.close()])
      } finally {
        await Promise.all(connected.map((connection) => connection[Symbol.asyncDispose]()))
        await Promise.all(servers.map((server) => server.stop()))
      }
    })

    it('and so is the lease of a stampede guard whose request got no reply', async () => {
      await using proxied = await startProxiedServer(driver)
      const { server, proxy, client } = proxied
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
