import type { CacheClient, ResilienceOptions } from '@cache/core'
import { createToken } from '@cache/core/internal'
import { startProxy, startRedis, type RedisServer, type TcpProxy } from '@cache/testkit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Claim } from '../src/backends/backend.js'
import {
  createLocks,
  createRedlock,
  LockLostError,
  LockTimeoutError,
  type Locks,
  type RedlockOptions,
} from '../src/index.js'
import { Majority } from '../src/backends/majority/majority.js'
import { connect, driverNames, hasty, patient, type Connected } from './drivers.js'

const TTL = 600

function claimOn(name: string): Claim {
  return { name, key: `redlock:${name}`, token: createToken(), ttl: TTL, about: '{}', fair: false }
}

/**
 * Clients whose replies have come, in time, but are looked at only after the event loop was
 * blocked.
 */
class LateReplies {
  readonly clients: readonly CacheClient[]
  #next: { readonly script: string; readonly ms: number; replies: number } | undefined

  constructor(clients: readonly CacheClient[]) {
    this.clients = clients.map((client) => ({
      ...client,
      run: async (script, ...rest) => {
        const next = this.#next // replies to what was asked before it do not count
        const reply = await client.run(script, ...rest)
        if (next?.script === script.name && ++next.replies === 2) this.#now(next.ms)
        return reply
      },
    }))
  }

  /** When the reply to this script comes that makes the majority of three. */
  block(script: string, ms: number): void {
    this.#next = { script, ms, replies: 0 }
  }

  get blocked(): boolean {
    return this.#next === undefined
  }

  #now(ms: number): void {
    this.#next = undefined
    for (const end = performance.now() + ms; performance.now() < end;);
  }
}

describe.each(driverNames)('redlock on %s', (driver) => {
  let servers: RedisServer[]
  let proxies: TcpProxy[]
  const ends: AsyncDisposable[] = []
  beforeEach(async () => {
    servers = await Promise.all(Array.from({ length: 5 }, () => startRedis()))
    proxies = await Promise.all(servers.map((server) => startProxy(server)))
  })
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end[Symbol.asyncDispose]()
    await Promise.all(proxies.map((proxy) => proxy.close()))
    await Promise.all(servers.map((server) => server.stop()))
  })

  function connected(i: number, resilience: ResilienceOptions = patient): Connected['client'] {
    const made = connect(driver, proxies[i]!.url, resilience)
    ends.push(made)
    return made.client
  }

  function redlock(
    count: 3 | 5,
    options: Partial<RedlockOptions> = {},
    resilience: ResilienceOptions = patient,
  ): Locks {
    const locks = createRedlock({
      clients: Array.from({ length: count }, (_, i) => connected(i, resilience)),
      ttl: '4s',
      ...options,
    })
    ends.push(locks)
    return locks
  }

  const heldOn = async (i: number, name = 'x'): Promise<boolean> =>
    (await servers[i]!.cli('EXISTS', `redlock:${name}`)).trim() === '1'

  it('holds on all servers, and leaves none behind', async () => {
    const [a, b] = [redlock(3, { label: 'me' }), redlock(3)]
    const lock = await a.acquire('x')
    expect(await b.tryAcquire('x')).toBeNull()
    expect(await b.inspect('x')).toMatchObject({ pid: process.pid, label: 'me', fence: lock.fence })
    await vi.waitFor(
      async () =>
        expect(await Promise.all([0, 1, 2].map((i) => heldOn(i)))).toEqual([true, true, true]),
      { timeout: 10_000 },
    )
    expect(await lock.release()).toBe(true)
    await vi.waitFor(
      async () =>
        expect(await Promise.all([0, 1, 2].map((i) => heldOn(i)))).toEqual([false, false, false]),
      { timeout: 10_000 },
    )
    expect(await b.inspect('x')).toBeNull()
    const set = await b.acquireAll(['p', 'q'])
    set.assertHeld()
    expect(await set.release()).toBe(true)
  })

  it.each([3, 5] as const)(
    'over %i servers does not mind one that is dead, and one more that hangs where there are five',
    async (count) => {
      const locks = redlock(count, { ttl: '2s' }, hasty)
      await servers[0]!.kill()
      if (count === 5) await servers[1]!.pause()
      const started = performance.now()
      const lock = await locks.acquire('x', { wait: '10s' })
      expect(performance.now() - started).toBeLessThan(5_000)
      // it is renewed by those that are left
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      lock.assertHeld()
      await lock.extend()
      expect(await lock.release()).toBe(true)
      if (count === 5) await servers[1]!.resume()
    },
  )

  it('over 3 servers does not mind that one of them hangs', async () => {
    const locks = redlock(3, { ttl: '2s' }, hasty)
    await (await locks.acquire('warm')).release()
    await servers[0]!.pause()
    const lock = await locks.acquire('x', { wait: '10s' })
    expect(lock.remaining).toBeGreaterThan(0)
    expect(
      await redlock(3, { ttl: '2s' }, hasty)
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
        for (const i of [0, 1, 2]) expect(await heldOn(i)).toBe(false)
      },
      { timeout: 10_000 },
    )
  })

  it('over 3 servers with one dead and one that hangs settles within its wait, and leaves nothing behind', async () => {
    const locks = redlock(3, { ttl: '2s' }, hasty)
    await servers[0]!.kill()
    await servers[1]!.pause()
    const started = performance.now()
    await expect(locks.acquire('x', { wait: 1_000 })).rejects.toBeInstanceOf(LockTimeoutError)
    expect(performance.now() - started).toBeLessThan(1_000 + 1_500)
    await expect(locks.tryAcquire('x')).rejects.toMatchObject({ code: 'NO_MAJORITY' })
    await servers[1]!.resume()
    await vi.waitFor(
      async () => {
        for (const i of [1, 2]) expect(await heldOn(i)).toBe(false)
      },
      { timeout: 10_000 },
    )
  })

  it.each([3, 5] as const)(
    'on a split vote over %i gives back what its minority granted, and the next one gets it',
    async (count) => {
      const [minority, majority] = [Math.floor(count / 2), Math.ceil(count / 2)]
      const free = Array.from({ length: minority }, (_, i) => majority + i)
      const others = await Promise.all(
        Array.from({ length: majority }, (_, i) =>
          createLocks({ client: connected(i), prefix: 'redlock' }).acquire('x', { ttl: '30s' }),
        ),
      )
      const locks = redlock(count)
      expect(await locks.tryAcquire('x')).toBeNull()
      await vi.waitFor(
        async () => {
          for (const i of free) expect(await heldOn(i)).toBe(false)
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

  it('over 5 of three who got two, two and one nobody has it, and one after the other gets it', async () => {
    const crowd = Array.from({ length: 3 }, () => redlock(5))
    const votes = [[0, 1], [2, 3], [4]]
    const held = await Promise.all(
      votes.map((which) =>
        Promise.all(
          which.map((i) =>
            createLocks({ client: connected(i), prefix: 'redlock' }).acquire('x', { ttl: '30s' }),
          ),
        ),
      ),
    )
    expect(await Promise.all(crowd.map((locks) => locks.tryAcquire('x')))).toEqual([
      null,
      null,
      null,
    ])
    let [inside, most] = [0, 0]
    const done = crowd.map((locks) =>
      locks.withLock(
        'x',
        async () => {
          most = Math.max(most, ++inside)
          await new Promise((resolve) => setTimeout(resolve, 5))
          inside--
        },
        { wait: '20s' },
      ),
    )
    await Promise.all(held.flat().map((lock) => lock.release()))
    await Promise.all(done)
    expect(most).toBe(1)
    await vi.waitFor(
      async () => {
        for (const i of votes.flat()) expect(await heldOn(i)).toBe(false)
      },
      { timeout: 5_000 },
    )
  })

  it('of five who all vote for themselves lets one after the other have it', async () => {
    const crowd = Array.from({ length: 5 }, () => redlock(3))
    let [inside, most, done] = [0, 0, 0]
    await Promise.all(
      crowd.map((locks) =>
        locks.withLock(
          'x',
          async () => {
            most = Math.max(most, ++inside)
            await new Promise((resolve) => setTimeout(resolve, 5))
            inside--
            done++
          },
          { wait: '30s' },
        ),
      ),
    )
    expect([most, done]).toEqual([1, 5])
  })

  it('never hands out a lock whose validity has passed', async () => {
    const locks = redlock(3, {}, hasty)
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
        for (const i of [0, 1, 2]) expect(await heldOn(i)).toBe(false)
      },
      { timeout: 10_000 },
    )
  })

  it('refuses what was granted in time, where the event loop was blocked past the ttl when the replies came', async () => {
    const late = new LateReplies([0, 1, 2].map((i) => connected(i)))
    const locks = createRedlock({ clients: late.clients, renew: false })
    ends.push(locks)
    await (await locks.acquire('x')).release()
    for (const script of ['lock acquire', 'lock settle fence']) {
      late.block(script, 2 * TTL)
      expect(await new Majority(late.clients).take(claimOn('x'))).toMatchObject({ held: false })
      late.block(script, 2 * TTL)
      expect(await locks.tryAcquire('x', { ttl: TTL })).toBeNull()
      expect(late.blocked).toBe(true)
    }
    late.block('lock settle fence', 2 * TTL)
    await using lock = await locks.acquire('x', { ttl: TTL, wait: '10s' })
    lock.assertHeld()
    expect(late.blocked).toBe(true)
  })

  it('is lost where the event loop was blocked past the ttl when the replies to its extension came', async () => {
    const late = new LateReplies([0, 1, 2].map((i) => connected(i)))
    const locks = createRedlock({ clients: late.clients, renew: false })
    ends.push(locks)
    await (await locks.acquire('x')).release()
    const [majority, claim] = [new Majority(late.clients), claimOn('y')]
    expect(await majority.take(claim)).toMatchObject({ held: true })
    expect(await majority.extend(claim, 1, TTL)).toBeGreaterThan(performance.now())
    late.block('lock extend', 2 * TTL)
    expect(await majority.extend(claim, 1, TTL)).toBeUndefined()
    expect(late.blocked).toBe(true)

    const lock = await locks.acquire('x', { ttl: TTL, wait: '10s' })
    late.block('lock extend', 2 * TTL)
    await expect(lock.extend()).rejects.toBeInstanceOf(LockLostError)
    expect(late.blocked).toBe(true)
    expect(() => lock.assertHeld()).toThrow(LockLostError)
    expect(lock.signal.aborted).toBe(true)
  })

  it('is lost when a majority has forgotten it, and not before', async () => {
    const lock = await redlock(3, { renew: false }).acquire('x', { ttl: '30s' })
    const onAll = async () => {
      for (const i of [0, 1, 2]) expect(await heldOn(i)).toBe(true)
    }
    await vi.waitFor(onAll, { timeout: 10_000 }) // none grants it after it has forgotten
    await servers[0]!.flush()
    await lock.extend()
    await vi.waitFor(onAll, { timeout: 10_000 })
    expect(await redlock(3).tryAcquire('x')).toBeNull()
    await Promise.all([servers[0]!.flush(), servers[1]!.flush()])
    await expect(lock.extend()).rejects.toBeInstanceOf(LockLostError)
    expect(lock.signal.aborted).toBe(true)
    expect(() => lock.assertHeld()).toThrow(LockLostError)
    await vi.waitFor(async () => expect(await heldOn(2)).toBe(false), { timeout: 5_000 })
  })

  it('stays with its holder while its servers restart empty one after the other, each after a renewal', async () => {
    const locks = redlock(3, { ttl: 1_500 }, hasty)
    const others = redlock(3, { ttl: 1_500 }, hasty)
    const lock = await locks.acquire('x')
    await vi.waitFor(
      async () => {
        for (const i of [0, 1, 2]) expect(await heldOn(i)).toBe(true)
      },
      { timeout: 10_000 },
    )
    const waiting = others.acquire('x', { wait: '1m' }) // it asks on and on
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

  it('is put back by an extension where it was forgotten, but not where another has it', async () => {
    const lock = await redlock(3, { renew: false }).acquire('x', { ttl: '30s' })
    await vi.waitFor(
      async () => {
        for (const i of [0, 1, 2]) expect(await heldOn(i)).toBe(true)
      },
      { timeout: 10_000 },
    )
    await servers[0]!.flush()
    const other = await createLocks({ client: connected(0), prefix: 'redlock' }).acquire('x')
    await lock.extend()
    await expect(lock.extend()).resolves.toBeUndefined()
    other.assertHeld()
    expect(await other.release()).toBe(true)
    await lock.extend()
    await vi.waitFor(async () => expect(await heldOn(0)).toBe(true), { timeout: 5_000 })
    expect(await lock.release()).toBe(true)
    await vi.waitFor(
      async () => {
        for (const i of [0, 1, 2]) expect(await heldOn(i)).toBe(false)
      },
      { timeout: 10_000 },
    )
  })

  it('gives rising fences though the clocks of its servers differ by an hour, and the foremost is lost', async () => {
    const locks = redlock(3, {}, hasty)
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

  it('frees by force what a majority holds', async () => {
    const locks = redlock(3)
    const lock = await locks.acquire('x', { ttl: 3_000 })
    expect(await redlock(3).forceRelease('x')).toBe(true)
    await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 5_000 })
    expect(await locks.forceRelease('x')).toBe(false)
  })
})
