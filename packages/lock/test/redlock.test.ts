import type { CacheClient, ResilienceOptions } from '@cache/core'
import { createToken } from '@cache/core/internal'
import { startProxy, startRedis, type RedisServer, type TcpProxy } from '@cache/testkit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LockRequest } from '../src/backends/backend.js'
import { MajorityBackend } from '../src/backends/majority/majority.js'
import {
  createLocks,
  createRedlock,
  LockLostError,
  LockTimeoutError,
  type Locks,
  type RedlockOptions,
} from '../src/index.js'
import { connect, driverNames, shortTimeouts, longTimeouts, type Connected } from './drivers.js'

const TTL = 600

function newRequest(name: string): LockRequest {
  const key = `redlock:${name}`
  return { name, key, token: createToken(), ttl: TTL, holderInfo: '{}', fair: false }
}

/** Clients whose replies arrive in time, but are processed only after a blocked event loop. */
class BlockedReplies {
  readonly clients: readonly CacheClient[]
  #next: { readonly script: string; readonly ms: number; replies: number } | undefined

  constructor(clients: readonly CacheClient[]) {
    this.clients = clients.map((client) => ({
      ...client,
      run: async (script, ...rest) => {
        const next = this.#next // replies to earlier calls do not count
        const reply = await client.run(script, ...rest)
        if (next?.script === script.name && ++next.replies === 2) this.#blockNow(next.ms)
        return reply
      },
    }))
  }

  /** Blocks the event loop once the second reply to the script arrives: a majority of three. */
  block(script: string, ms: number): void {
    this.#next = { script, ms, replies: 0 }
  }

  /** Whether the event loop was blocked since the last call of `block`. */
  get done(): boolean {
    return this.#next === undefined
  }

  #blockNow(ms: number): void {
    this.#next = undefined
    for (const end = performance.now() + ms; performance.now() < end;);
  }
}

describe.each(driverNames)('redlock on %s', (driver) => {
  let servers: RedisServer[]
  let proxies: TcpProxy[]
  const created: AsyncDisposable[] = []
  beforeEach(async () => {
    servers = await Promise.all(Array.from({ length: 5 }, () => startRedis()))
    proxies = await Promise.all(servers.map((server) => startProxy(server)))
  })
  afterEach(async () => {
    for (const resource of created.splice(0).reverse()) await resource[Symbol.asyncDispose]()
    await Promise.all(proxies.map((proxy) => proxy.close()))
    await Promise.all(servers.map((server) => server.stop()))
  })

  function newClient(i: number, resilience: ResilienceOptions = longTimeouts): Connected['client'] {
    const connection = connect(driver, proxies[i]!.url, resilience)
    created.push(connection)
    return connection.client
  }

  function redlock(
    count: 3 | 5,
    options: Partial<RedlockOptions> = {},
    resilience: ResilienceOptions = longTimeouts,
  ): Locks {
    const locks = createRedlock({
      clients: Array.from({ length: count }, (_, i) => newClient(i, resilience)),
      ttl: '4s',
      ...options,
    })
    created.push(locks)
    return locks
  }

  const isHeldOn = async (i: number, name = 'x'): Promise<boolean> =>
    (await servers[i]!.cli('EXISTS', `redlock:${name}`)).trim() === '1'

  it('holds a lock on all servers, and releases it on all of them', async () => {
    const [a, b] = [redlock(3, { label: 'me' }), redlock(3)]
    const lock = await a.acquire('x')
    expect(await b.tryAcquire('x')).toBeNull()
    expect(await b.inspect('x')).toMatchObject({ pid: process.pid, label: 'me', fence: lock.fence })
    await vi.waitFor(
      async () =>
        expect(await Promise.all([0, 1, 2].map((i) => isHeldOn(i)))).toEqual([true, true, true]),
      { timeout: 10_000 },
    )
    expect(await lock.release()).toBe(true)
    await vi.waitFor(
      async () =>
        expect(await Promise.all([0, 1, 2].map((i) => isHeldOn(i)))).toEqual([false, false, false]),
      { timeout: 10_000 },
    )
    expect(await b.inspect('x')).toBeNull()
    const set = await b.acquireAll(['p', 'q'])
    set.assertHeld()
    expect(await set.release()).toBe(true)
  })

  it.each([3, 5] as const)(
    'over %i servers tolerates a dead one, and one more that hangs if there are five',
    async (count) => {
      const locks = redlock(count, { ttl: '2s' }, shortTimeouts)
      await servers[0]!.kill()
      if (count === 5) await servers[1]!.pause()
      const startedAt = performance.now()
      const lock = await locks.acquire('x', { wait: '10s' })
      expect(performance.now() - startedAt).toBeLessThan(5_000)
      // the other servers renew it
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      lock.assertHeld()
      await lock.extend()
      expect(await lock.release()).toBe(true)
      if (count === 5) await servers[1]!.resume()
    },
  )

  it('over 3 servers tolerates one that hangs', async () => {
    const locks = redlock(3, { ttl: '2s' }, shortTimeouts)
    await (await locks.acquire('warm')).release()
    await servers[0]!.pause()
    const lock = await locks.acquire('x', { wait: '10s' })
    expect(lock.remaining).toBeGreaterThan(0)
    expect(
      await redlock(3, { ttl: '2s' }, shortTimeouts)
        .tryAcquire('x')
        .catch(() => null),
    ).toBeNull()
    await new Promise((resolve) => setTimeout(resolve, 2_500)) // longer than its ttl
    lock.assertHeld()
    await lock.extend()
    expect(await lock.release()).toBe(true)
    const next = await locks.acquire('x', { wait: '10s' })
    expect(next.fence).toBeGreaterThan(lock.fence)
    expect(await next.release()).toBe(true)
    await servers[0]!.resume()
    await vi.waitFor(
      async () => {
        for (const i of [0, 1, 2]) expect(await isHeldOn(i)).toBe(false)
      },
      { timeout: 10_000 },
    )
  })

  it('over 3 servers, of which one is dead and one hangs, rejects within its wait', async () => {
    const locks = redlock(3, { ttl: '2s' }, shortTimeouts)
    await servers[0]!.kill()
    await servers[1]!.pause()
    const startedAt = performance.now()
    await expect(locks.acquire('x', { wait: 1_000 })).rejects.toBeInstanceOf(LockTimeoutError)
    expect(performance.now() - startedAt).toBeLessThan(1_000 + 1_500)
    await expect(locks.tryAcquire('x')).rejects.toMatchObject({ code: 'NO_MAJORITY' })
    await servers[1]!.resume()
    await vi.waitFor(
      async () => {
        for (const i of [1, 2]) expect(await isHeldOn(i)).toBe(false)
      },
      { timeout: 10_000 },
    )
  })

  it.each([3, 5] as const)(
    'on a split vote over %i servers releases what a minority granted',
    async (count) => {
      const [minority, majority] = [Math.floor(count / 2), Math.ceil(count / 2)]
      const free = Array.from({ length: minority }, (_, i) => majority + i)
      const others = await Promise.all(
        Array.from({ length: majority }, (_, i) =>
          createLocks({ client: newClient(i), prefix: 'redlock' }).acquire('x', { ttl: '30s' }),
        ),
      )
      const locks = redlock(count)
      expect(await locks.tryAcquire('x')).toBeNull()
      await vi.waitFor(
        async () => {
          for (const i of free) expect(await isHeldOn(i)).toBe(false)
        },
        { timeout: 5_000 },
      )
      const waiting = locks.acquire('x', { wait: '10s' })
      await new Promise((resolve) => setTimeout(resolve, 300))
      await others[0]!.release()
      const lock = await waiting
      lock.assertHeld()
      expect(await lock.release()).toBe(true)
      for (const other of others.slice(1)) await other.release()
    },
  )

  it('over 5 servers that split 2, 2 and 1 grants it to one after the other', async () => {
    const contenders = Array.from({ length: 3 }, () => redlock(5))
    const votes = [[0, 1], [2, 3], [4]]
    const held = await Promise.all(
      votes.map((indexes) =>
        Promise.all(
          indexes.map((i) =>
            createLocks({ client: newClient(i), prefix: 'redlock' }).acquire('x', { ttl: '30s' }),
          ),
        ),
      ),
    )
    expect(await Promise.all(contenders.map((locks) => locks.tryAcquire('x')))).toEqual([
      null,
      null,
      null,
    ])
    let [holders, maxHolders] = [0, 0]
    const done = contenders.map((locks) =>
      locks.withLock(
        'x',
        async () => {
          maxHolders = Math.max(maxHolders, ++holders)
          await new Promise((resolve) => setTimeout(resolve, 5))
          holders--
        },
        { wait: '20s' },
      ),
    )
    await Promise.all(held.flat().map((lock) => lock.release()))
    await Promise.all(done)
    expect(maxHolders).toBe(1)
    await vi.waitFor(
      async () => {
        for (const i of votes.flat()) expect(await isHeldOn(i)).toBe(false)
      },
      { timeout: 5_000 },
    )
  })

  it('grants it to one of five contenders after the other', async () => {
    const contenders = Array.from({ length: 5 }, () => redlock(3))
    let [holders, maxHolders, done] = [0, 0, 0]
    await Promise.all(
      contenders.map((locks) =>
        locks.withLock(
          'x',
          async () => {
            maxHolders = Math.max(maxHolders, ++holders)
            await new Promise((resolve) => setTimeout(resolve, 5))
            holders--
            done++
          },
          { wait: '30s' },
        ),
      ),
    )
    expect([maxHolders, done]).toEqual([1, 5])
  })

  it('never returns a lock that has expired', async () => {
    const locks = redlock(3, {}, shortTimeouts)
    await (await locks.acquire('x')).release()
    for (const proxy of proxies) proxy.delay(250)
    const lock = await locks
      .acquire('x', { ttl: 400, wait: 2_000, renew: false })
      .catch((error: unknown) => error)
    if (lock instanceof Error) expect(lock).toBeInstanceOf(LockTimeoutError)
    else expect.fail(`it had ${(lock as { remaining: number }).remaining} ms left`)
    expect(await locks.tryAcquire('x', { ttl: 400 }).catch(() => null)).toBeNull()
    for (const proxy of proxies) proxy.delay(0)
    await vi.waitFor(
      async () => {
        for (const i of [0, 1, 2]) expect(await isHeldOn(i)).toBe(false)
      },
      { timeout: 10_000 },
    )
  })

  it('rejects a lock that expired while its replies waited for the event loop', async () => {
    const blocked = new BlockedReplies([0, 1, 2].map((i) => newClient(i)))
    const locks = createRedlock({ clients: blocked.clients, renew: false })
    created.push(locks)
    await (await locks.acquire('x')).release()
    for (const script of ['lock acquire', 'lock settle fence']) {
      blocked.block(script, 2 * TTL)
      expect(await new MajorityBackend(blocked.clients).acquire(newRequest('x'))).toMatchObject({
        held: false,
      })
      blocked.block(script, 2 * TTL)
      expect(await locks.tryAcquire('x', { ttl: TTL })).toBeNull()
      expect(blocked.done).toBe(true)
    }
    blocked.block('lock settle fence', 2 * TTL)
    await using lock = await locks.acquire('x', { ttl: TTL, wait: '10s' })
    lock.assertHeld()
    expect(blocked.done).toBe(true)
  })

  it('is lost if it expired while the replies to an extension waited', async () => {
    const blocked = new BlockedReplies([0, 1, 2].map((i) => newClient(i)))
    const locks = createRedlock({ clients: blocked.clients, renew: false })
    created.push(locks)
    await (await locks.acquire('x')).release()
    const [backend, request] = [new MajorityBackend(blocked.clients), newRequest('y')]
    expect(await backend.acquire(request)).toMatchObject({ held: true })
    expect(await backend.extend(request, 1, TTL)).toBeGreaterThan(performance.now())
    blocked.block('lock extend', 2 * TTL)
    expect(await backend.extend(request, 1, TTL)).toBeUndefined()
    expect(blocked.done).toBe(true)

    const lock = await locks.acquire('x', { ttl: TTL, wait: '10s' })
    blocked.block('lock extend', 2 * TTL)
    await expect(lock.extend()).rejects.toBeInstanceOf(LockLostError)
    expect(blocked.done).toBe(true)
    expect(() => lock.assertHeld()).toThrow(LockLostError)
    expect(lock.signal.aborted).toBe(true)
  })

  it('is lost when a majority has lost it, and not before', async () => {
    const lock = await redlock(3, { renew: false }).acquire('x', { ttl: '30s' })
    const onAll = async () => {
      for (const i of [0, 1, 2]) expect(await isHeldOn(i)).toBe(true)
    }
    await vi.waitFor(onAll, { timeout: 10_000 }) // no server grants it after its flush
    await servers[0]!.flush()
    await lock.extend()
    await vi.waitFor(onAll, { timeout: 10_000 })
    expect(await redlock(3).tryAcquire('x')).toBeNull()
    await Promise.all([servers[0]!.flush(), servers[1]!.flush()])
    await expect(lock.extend()).rejects.toBeInstanceOf(LockLostError)
    expect(lock.signal.aborted).toBe(true)
    expect(() => lock.assertHeld()).toThrow(LockLostError)
    await vi.waitFor(async () => expect(await isHeldOn(2)).toBe(false), { timeout: 5_000 })
  })

  it('survives if its servers restart empty in turn, each after a renewal', async () => {
    const locks = redlock(3, { ttl: 1_500 }, shortTimeouts)
    const others = redlock(3, { ttl: 1_500 }, shortTimeouts)
    const lock = await locks.acquire('x')
    await vi.waitFor(
      async () => {
        for (const i of [0, 1, 2]) expect(await isHeldOn(i)).toBe(true)
      },
      { timeout: 10_000 },
    )
    const waiting = others.acquire('x', { wait: '1m' }) // it retries all the time
    for (const i of [0, 1, 2, 0]) {
      await servers[i]!.restart()
      await vi.waitFor(
        async () => expect(await servers[i]!.cli('GET', 'redlock:x')).toContain(` ${lock.fence} `),
        { timeout: 10_000 },
      )
      lock.assertHeld()
    }
    expect(await others.inspect('x')).toMatchObject({ fence: lock.fence })
    expect(await lock.release()).toBe(true)
    const next = await waiting
    expect(next.fence).toBeGreaterThan(lock.fence)
    await next.release()
  })

  it('is restored by an extension, but not on a server where another has it', async () => {
    const lock = await redlock(3, { renew: false }).acquire('x', { ttl: '30s' })
    await vi.waitFor(
      async () => {
        for (const i of [0, 1, 2]) expect(await isHeldOn(i)).toBe(true)
      },
      { timeout: 10_000 },
    )
    await servers[0]!.flush()
    const other = await createLocks({ client: newClient(0), prefix: 'redlock' }).acquire('x')
    await lock.extend()
    await expect(lock.extend()).resolves.toBeUndefined()
    other.assertHeld()
    expect(await other.release()).toBe(true)
    await lock.extend()
    await vi.waitFor(async () => expect(await isHeldOn(0)).toBe(true), { timeout: 5_000 })
    expect(await lock.release()).toBe(true)
    await vi.waitFor(
      async () => {
        for (const i of [0, 1, 2]) expect(await isHeldOn(i)).toBe(false)
      },
      { timeout: 10_000 },
    )
  })

  it('has rising fences, even if the server whose clock is ahead is lost', async () => {
    const locks = redlock(3, {}, shortTimeouts)
    const ahead = (Date.now() + 3_600_000) * 1_000
    await servers[0]!.cli('SET', 'redlock:{redlock:x}:fence', String(ahead))
    for (let i = 0, before = 0; i < 50; i++) {
      const lock = await locks.acquire('x')
      expect(lock.fence).toBeGreaterThan(before)
      before = lock.fence
      await lock.release()
      if (i !== 25 || before < ahead) continue
      await servers[0]!.kill()
    }
  })

  it('can be released by force', async () => {
    const locks = redlock(3)
    const lock = await locks.acquire('x', { ttl: 3_000 })
    expect(await redlock(3).forceRelease('x')).toBe(true)
    await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 5_000 })
    expect(await locks.forceRelease('x')).toBe(false)
  })
})
