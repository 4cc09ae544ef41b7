import { startProxy, startRedis, type RedisServer, type TcpProxy } from '@cache/testkit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLocks, createRedlock, LockLostError, LockTimeoutError, type Locks, type RedlockOptions } from '../src/index.js'
import { connect, driverNames, type Connected } from './drivers.js'

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

  function connected(i: number): Connected['client'] {
    const made = connect(driver, proxies[i]!.url)
    ends.push(made)
    return made.client
  }

  function redlock(count: 3 | 5, options: Partial<RedlockOptions> = {}): Locks {
    const locks = createRedlock({ clients: Array.from({ length: count }, (_, i) => connected(i)), ttl: '2s', ...options })
    ends.push(locks)
    return locks
  }

  const heldOn = async (i: number, name = 'x'): Promise<boolean> => (await servers[i]!.cli('EXISTS', `redlock:${name}`)).trim() === '1'

  it('holds on all servers, and leaves none behind', async () => {
    const [a, b] = [redlock(3, { label: 'me' }), redlock(3)]
    const lock = await a.acquire('x')
    expect(await b.tryAcquire('x')).toBeNull()
    expect(await b.inspect('x')).toMatchObject({ pid: process.pid, label: 'me', fence: lock.fence })
    await vi.waitFor(async () => expect(await Promise.all([0, 1, 2].map((i) => heldOn(i)))).toEqual([true, true, true]))
    expect(await lock.release()).toBe(true)
    await vi.waitFor(async () => expect(await Promise.all([0, 1, 2].map((i) => heldOn(i)))).toEqual([false, false, false]))
    expect(await b.inspect('x')).toBeNull()
    const set = await b.acquireAll(['p', 'q'])
    set.assertHeld()
    expect(await set.release()).toBe(true)
  })

  it.each([3, 5] as const)('over %i servers does not mind one that is dead, and one more that hangs where there are five', async (count) => {
    const locks = redlock(count)
    await servers[0]!.kill()
    if (count === 5) await servers[1]!.pause()
    const started = performance.now()
    const lock = await locks.acquire('x', { wait: '10s' })
    expect(performance.now() - started).toBeLessThan(5_000)
    await new Promise((resolve) => setTimeout(resolve, 2_500)) // it is renewed by those that are left
    lock.assertHeld()
    await lock.extend()
    expect(await lock.release()).toBe(true)
    if (count === 5) await servers[1]!.resume()
  })

  it('over 3 servers with one dead and one that hangs settles within its wait, and leaves nothing behind', async () => {
    const locks = redlock(3)
    await servers[0]!.kill()
    await servers[1]!.pause()
    const started = performance.now()
    await expect(locks.acquire('x', { wait: 1_000 })).rejects.toBeInstanceOf(LockTimeoutError)
    expect(performance.now() - started).toBeLessThan(1_000 + 1_500)
    await expect(locks.tryAcquire('x')).rejects.toMatchObject({ code: 'NO_MAJORITY' })
    await servers[1]!.resume()
    await vi.waitFor(async () => { for (const i of [1, 2]) expect(await heldOn(i)).toBe(false) }, { timeout: 10_000 })
  })

  it('on a split vote gives back what its minority granted, and the next one gets it', async () => {
    const others = await Promise.all([0, 1].map((i) => createLocks({ client: connected(i), prefix: 'redlock' }).acquire('x', { ttl: '30s' })))
    const locks = redlock(3)
    expect(await locks.tryAcquire('x')).toBeNull()
    await vi.waitFor(async () => expect(await heldOn(2)).toBe(false), { timeout: 5_000 })
    const waiting = locks.acquire('x', { wait: '10s' })
    await new Promise((resolve) => setTimeout(resolve, 300))
    await others[0]!.release()
    const lock = await waiting
    lock.assertHeld()
    expect(await lock.release()).toBe(true)
    await others[1]!.release()
  })

  it('of five who all vote for themselves lets one after the other have it', async () => {
    const crowd = Array.from({ length: 5 }, () => redlock(3))
    let [inside, most, done] = [0, 0, 0]
    await Promise.all(crowd.map((locks) => locks.withLock('x', async () => {
      most = Math.max(most, ++inside)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inside--
      done++
    }, { wait: '30s' })))
    expect([most, done]).toEqual([1, 5])
  })

  it('never hands out a lock whose validity has passed', async () => {
    const locks = redlock(3)
    await (await locks.acquire('x')).release()
    for (const proxy of proxies) proxy.delay(250)
    const lock = await locks.acquire('x', { ttl: 400, wait: 2_000, renew: false }).catch((error: unknown) => error)
    if (lock instanceof Error) expect(lock).toBeInstanceOf(LockTimeoutError)
    else expect.fail(`it had ${(lock as { remaining: number }).remaining} ms left`)
    expect(await locks.tryAcquire('x', { ttl: 400 }).catch(() => null)).toBeNull()
    for (const proxy of proxies) proxy.delay(0)
    await vi.waitFor(async () => { for (const i of [0, 1, 2]) expect(await heldOn(i)).toBe(false) }, { timeout: 10_000 })
  })

  it('is lost when a majority has forgotten it, and not before', async () => {
    const locks = redlock(3)
    const lock = await locks.acquire('x', { ttl: 900 })
    await servers[0]!.flush()
    await lock.extend()
    expect(await redlock(3).tryAcquire('x')).toBeNull()
    await servers[1]!.flush()
    await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 5_000 })
    expect(() => lock.assertHeld()).toThrow(LockLostError)
    await vi.waitFor(async () => expect(await heldOn(2)).toBe(false), { timeout: 5_000 })
  })

  it('gives rising fences though the clocks of its servers differ by an hour, and the foremost is lost', async () => {
    const locks = redlock(3)
    const ahead = (Date.now() + 3_600_000) * 1_000
    await servers[0]!.cli('SET', '{redlock:x}:fence', String(ahead))
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
    const lock = await locks.acquire('x', { ttl: 900 })
    expect(await redlock(3).forceRelease('x')).toBe(true)
    await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 5_000 })
    expect(await locks.forceRelease('x')).toBe(false)
  })
})
