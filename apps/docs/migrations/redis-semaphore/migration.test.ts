import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createLocks, createSemaphore } from '@cache/lock'
import { burnCpu, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import { Mutex, Semaphore } from 'redis-semaphore'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as after from './after.js'
import * as before from './before.js'
import { withBothLocks, withBothPermits } from './both.js'

let redis: RedisServer
let connection: Redis
let client: CacheClient
beforeEach(async () => {
  redis = await startRedis()
  connection = new Redis(redis.url)
  client = createCacheClient(ioredisDriver(connection), { namespace: 'shop' })
})
afterEach(async () => {
  vi.useRealTimers()
  await client.close()
  connection.disconnect()
  await redis.stop()
})

const both = Object.entries({ before, after }).map(([name, program]) => ({ name, ...program }))

describe.each(both)('$name', ({ createExporter }) => {
  it('two reports at once in all processes, and all are made', async () => {
    let running = 0
    let most = 0
    const made: string[] = []
    const exporters = [1, 2, 3].map(() =>
      createExporter(redis.url, async (report) => {
        most = Math.max(most, ++running)
        await sleep(50)
        running--
        made.push(report)
      }),
    )
    const reports = Array.from({ length: 9 }, (_, i) => `report ${i}`)
    await Promise.all(reports.map((report, i) => exporters[i % 3]!.export(report)))
    expect(most).toBe(2)
    expect(made.sort()).toEqual(reports)
    for (const { close } of exporters) await close()
  })

  it('one process at a time rebuilds the index, also after one that failed', async () => {
    let running = 0
    const work = async () => {
      expect(++running).toBe(1)
      await sleep(20)
      running--
    }
    const exporters = [1, 2, 3].map(() => createExporter(redis.url, async () => undefined))
    const failing = exporters[0]!.rebuildIndex(() => Promise.reject(new Error('no disk')))
    await expect(failing).rejects.toThrow('no disk')
    await Promise.all(exporters.map(({ rebuildIndex }) => rebuildIndex(work)))
    for (const { close } of exporters) await close()
  })
})

describe('what differs', () => {
  it('the clocks of hosts decide about permits of redis-semaphore, not of ours', async () => {
    const old = () => new Semaphore(connection, 'exports', 1, { acquireTimeout: 200 })
    const ours = () =>
      createSemaphore({ client, name: 'exports', permits: 1, wait: 200 }).tryAcquire()
    const [held, permit] = [old(), await ours()]
    await held.acquire()
    expect(await old().tryAcquire()).toBe(false)
    expect(permit).not.toBe(null)

    const ahead = Date.now() + 60_000
    vi.spyOn(Date, 'now').mockImplementation(() => ahead + performance.now()) // another host
    const second = old()
    expect(await second.tryAcquire()).toBe(true)
    expect(held.isAcquired).toBe(true)
    expect(await ours()).toBe(null)
    vi.restoreAllMocks()
    await held.release()
    await second.release()
    await permit!.release()
  })

  it('only ours tells a holder that its lock has expired, before the next renewal', async () => {
    const TTL = 1_000
    let lost = 0
    const onLockLost = () => void lost++
    const mutex = new Mutex(connection, 'index', { lockTimeout: TTL, onLockLost })
    await mutex.acquire()
    const locks = createLocks({ client, ttl: TTL })
    const lock = await locks.acquire('index')

    // The event loop is busy for longer than the locks live.
    burnCpu(2 * TTL)
    expect(mutex.isAcquired).toBe(true)
    expect(() => lock.assertHeld()).toThrow('lock')

    await expect.poll(() => lost).toBe(1) // the next renewal
    expect(mutex.isAcquired).toBe(false)
    expect(await lock.release()).toBe(false)
  })

  it('our locks go to the waiters in the order in which they came', async () => {
    const order = async (acquire: () => Promise<() => Promise<unknown>>) => {
      const release = await acquire()
      const turns: number[] = []
      const waiters = []
      for (let i = 0; i < 5; i++) {
        waiters.push(
          acquire().then(async (end) => {
            turns.push(i)
            await end()
          }),
        )
        await sleep(30)
      }
      await release()
      await Promise.all(waiters)
      return turns
    }
    const locks = createLocks({ client })
    const ours = await order(async () => {
      const lock = await locks.acquire('index')
      return () => lock.release()
    })
    expect(ours).toEqual([0, 1, 2, 3, 4])
  })

  it('a full Redis rejects with its error, and not with a timeout', async () => {
    await connection.config('SET', 'maxmemory', '1')
    const locks = createLocks({ client, wait: 100 })
    await expect(locks.acquire('index')).rejects.toMatchObject({ code: 'OOM' })
    await connection.config('SET', 'maxmemory', '0')
  })
})

describe('during the deployment', () => {
  it('the old and the new locks do not exclude each other', async () => {
    const mutex = new Mutex(connection, 'index')
    await mutex.acquire()
    const lock = await createLocks({ client }).tryAcquire('index')
    expect(lock).not.toBe(null)
    await lock!.release()
    await mutex.release()
  })

  it('both together exclude whoever uses one of them', async () => {
    const options = { acquireTimeout: 100, acquireAttemptsLimit: 1 }
    const mutex = () => new Mutex(connection, 'index', options)
    const locks = createLocks({ client, wait: 100 })
    const refused = await withBothLocks({ mutex: mutex(), locks, name: 'index' }, async (held) => {
      held.assertHeld()
      return [await mutex().tryAcquire(), await locks.tryAcquire('index')]
    })
    expect(refused).toEqual([false, null])

    const semaphore = () => new Semaphore(connection, 'exports', 1, options)
    const ours = createSemaphore({ client, name: 'exports', permits: 1, wait: 100 })
    const denied = await withBothPermits({ before: semaphore(), after: ours }, async (held) => {
      held.assertHeld()
      return [await semaphore().tryAcquire(), await ours.tryAcquire()]
    })
    expect(denied).toEqual([false, null])

    const old = mutex()
    await old.acquire()
    const attempt = () =>
      withBothLocks({ mutex: mutex(), locks, name: 'index' }, async () => 'done')
    await expect(attempt()).rejects.toThrow('timeout')
    await old.release()
    const lock = await locks.acquire('index')
    await expect(attempt()).rejects.toMatchObject({ name: 'LockTimeoutError' })
    await lock.release()
    expect(await attempt()).toBe('done')
  })
})
