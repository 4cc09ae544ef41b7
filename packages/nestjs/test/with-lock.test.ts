import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheClient } from '@cache/core'
import { LockTimeoutError } from '@cache/lock'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { currentLocks, useCacheClient, WithLock } from '../src/decorators/index.js'
import { cacheClient, gate, libraries } from './clients.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

describe.each(libraries)('@WithLock, on %s', (library) => {
  let client: CacheClient
  let other: CacheClient
  const ends: (() => unknown)[] = []
  beforeAll(() => {
    const [a, b] = [cacheClient(library, server.url), cacheClient(library, server.url)]
    client = a.client
    other = b.client
    ends.push(a.end, b.end)
  })
  beforeEach(() => server.flush())
  afterAll(async () => {
    for (const end of ends) await end()
  })

  it('runs one call at a time, in all processes, and passes its result on', async () => {
    let running = 0
    let most = 0
    class Invoices {
      @WithLock({ name: (id: number) => `invoice:${id}`, wait: '20s' })
      async pay(id: number) {
        most = Math.max(most, ++running)
        await sleep(5)
        running--
        return id
      }
    }
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        useCacheClient(new Invoices(), i % 2 === 0 ? client : other).pay(1),
      ),
    )
    expect(results).toEqual(results.map(() => 1))
    expect(most).toBe(1)
  })

  it('holds the lock for longer than its ttl, and releases it when the method ends', async () => {
    const { opened, open } = gate()
    class Jobs {
      @WithLock({ name: 'job', ttl: '300ms' })
      async run() {
        await opened
        currentLocks()!.assertHeld()
        throw new Error('of the job')
      }
      @WithLock({ name: 'job', skipIfHeld: true })
      async try(): Promise<string | undefined> {
        return 'ran'
      }
    }
    const running = useCacheClient(new Jobs(), client).run()
    running.catch(() => undefined)
    await expect.poll(async () => server.cli('EXISTS', 'lock:job')).toBe('1')
    for (let i = 0; i < 10; i++) {
      expect(await useCacheClient(new Jobs(), other).try()).toBeUndefined()
      await sleep(100)
    }
    open()
    await expect(running).rejects.toThrow('of the job')
    expect(await useCacheClient(new Jobs(), other).try()).toBe('ran')
  })

  it('holds several locks at once', async () => {
    const { opened, open } = gate()
    const fences: number[] = []
    class Accounts {
      @WithLock({ name: (from: string, to: string) => [from, to] })
      async transfer(_from: string, _to: string) {
        fences.push(...currentLocks()!.locks.map((lock) => lock.fence))
        await opened
      }
      @WithLock({ name: (...ids: string[]) => ids, skipIfHeld: true })
      async close(..._ids: string[]): Promise<true | undefined> {
        return true
      }
    }
    const accounts = useCacheClient(new Accounts(), client)
    const transfer = accounts.transfer('a', 'b')
    await expect.poll(() => fences.length).toBe(2)
    expect(await accounts.close('c', 'b')).toBeUndefined()
    expect(await accounts.close('c')).toBe(true) // it was released again
    open()
    await transfer
    expect(await accounts.close('a', 'b')).toBe(true)
    expect(currentLocks()).toBeUndefined()
  })

  it('runs one of several calls that need the same locks, and skips the others', async () => {
    class Jobs {
      @WithLock({ name: (names: (string | number)[]) => names, skipIfHeld: true })
      async run(_names: (string | number)[]): Promise<'ran' | undefined> {
        await sleep(100)
        return 'ran'
      }
    }
    const run = (names: (string | number)[], of = client) =>
      useCacheClient(new Jobs(), of).run(names)
    const results = await Promise.all([run(['a', 'b']), run(['b', 'a'], other)])
    expect(results.filter((result) => result === 'ran')).toHaveLength(1)
    expect(await run([1, '1'])).toBe('ran') // one lock
  })

  it('refuses a function that returns no name, without running the method', async () => {
    let ran = false
    class Jobs {
      @WithLock({ name: (names: string[]) => names })
      async wait(_names: string[]) {
        ran = true
      }
      @WithLock({ name: (names: string[]) => names, skipIfHeld: true })
      async skip(_names: string[]): Promise<void | undefined> {
        ran = true
      }
    }
    const jobs = useCacheClient(new Jobs(), client)
    for (const call of [jobs.wait([]), jobs.skip([])])
      await expect(call).rejects.toThrow('"name" must be a function that returns at least one name')
    expect(ran).toBe(false)
  })

  it('tells the locks to code that uses another copy of the package', async () => {
    vi.resetModules()
    const copy = await import('../src/decorators/index.js')
    expect(copy.currentLocks).not.toBe(currentLocks)
    class Jobs {
      @WithLock({ name: 'job' })
      async run() {
        return copy.currentLocks()
      }
    }
    expect((await useCacheClient(new Jobs(), client).run())!.locks).toHaveLength(1)
  })

  it('rejects without running the method after wait', async () => {
    let ran = false
    class Jobs {
      @WithLock({ name: 'outer' })
      async outer() {
        return this.inner()
      }
      @WithLock({ name: 'outer', wait: '50ms' })
      async inner() {
        ran = true
      }
    }
    await expect(useCacheClient(new Jobs(), client).outer()).rejects.toBeInstanceOf(
      LockTimeoutError,
    )
    expect(ran).toBe(false)
  })
})
