import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createLocks } from '@cache/lock'
import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import Redlock from 'redlock'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as after from './after.js'
import * as before from './before.js'
import { withBothLocks } from './both.js'
import type { InvoiceRun } from './invoices.js'

const DURATION = 1_000

let redis: RedisServer
beforeEach(async () => void (redis = await startRedis()))
afterEach(() => redis.stop())

const programs = { before, after }
const both = (['before', 'after'] as const).map((name) => ({ name, ...programs[name] }))

describe.each(both)('$name', ({ createInvoiceRun }) => {
  it('one process sends the invoices, and the others are busy meanwhile', async () => {
    const sent: number[] = []
    let finish!: () => void
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const invoices = {
      unsent: async () => [1, 2, 3].filter((id) => !sent.includes(id)),
      async send(id: number) {
        await finished
        sent.push(id)
      },
    }
    const jobs = [1, 2, 3].map(() => createInvoiceRun(redis.url, invoices))
    const running = jobs.map(({ run }) => run())
    expect(await Promise.race([running[0], running[1]])).toBe('busy')
    finish()
    const results = await Promise.all(running)
    expect(results.sort()).toEqual([3, 'busy', 'busy'])
    expect(sent).toEqual([1, 2, 3])
    expect(await jobs[1]!.run()).toBe(0)
    for (const { close } of jobs) await close()
  })

  it('a lock is free again when the work has failed', async () => {
    let fails = true
    const job = createInvoiceRun(redis.url, {
      unsent: async () => [1],
      async send() {
        if (fails) throw new Error('no mail')
      },
    })
    await expect(job.run()).rejects.toThrow('no mail')
    fails = false
    expect(await job.run()).toBe(1)
    await job.close()
  })

  it('a job that takes longer than the duration keeps its lock', async () => {
    let finish!: () => void
    const finished = new Promise<void>((resolve) => (finish = resolve))
    const job = createInvoiceRun(
      redis.url,
      { unsent: async () => [1], send: () => finished },
      { duration: 3 * DURATION },
    )
    const other = createInvoiceRun(
      redis.url,
      { unsent: async () => [1], send: async () => undefined },
      { duration: 3 * DURATION },
    )
    const running = job.run()
    await sleep(5 * DURATION)
    expect(await other.run()).toBe('busy')
    finish()
    expect(await running).toBe(1)
    await job.close()
    await other.close()
  })
})

async function runWhenFree({ run }: InvoiceRun): Promise<void> {
  while ((await run()) === 'busy') await sleep(20)
}

describe('what differs', () => {
  it.each([
    { program: 'before', then: { type: 'sends', id: 2 } },
    { program: 'after', then: { type: 'ended', error: 'LockLostError' } },
  ] as const)(
    '$program: a holder whose event loop was blocked, while another got the lock',
    async ({ program, then }) => {
      const data = { url: redis.url, program, duration: DURATION }
      await using group = spawnProcesses(new URL('./holder.ts', import.meta.url), { data })
      const holder = group.processes[0]!
      expect(await holder.next()).toEqual({ type: 'sends', id: 1 })

      let finish!: () => void
      const finished = new Promise<void>((resolve) => (finish = resolve))
      let holds = false
      const other = programs[program].createInvoiceRun(redis.url, {
        unsent: async () => [2],
        send: () => ((holds = true), finished),
      })
      const running = runWhenFree(other)
      await expect.poll(() => holds).toBe(true)
      expect(await holder.next()).toEqual(then)
      finish()
      await running
      await other.close()
    },
  )

  it('only the new program tells a held lock from a Redis that refuses writes', async () => {
    const invoices = { unsent: async () => [1], send: async () => undefined }
    const outcome = async ({ createInvoiceRun }: typeof before | typeof after) => {
      const job = createInvoiceRun(redis.url, invoices)
      expect(await job.run()).toBe(1)
      const refused = await redis
        .cli('CONFIG', 'SET', 'maxmemory', '1')
        .then(() => job.run().catch((error: Error) => error.name))
      await redis.cli('CONFIG', 'SET', 'maxmemory', '0')
      await job.close()
      return refused
    }
    expect(await outcome(before)).toBe('busy')
    expect(await outcome(after)).toBe('ServerError')
  })

  it('acquire of redlock does not renew the lock, and ours does', async () => {
    const connection = new Redis(redis.url)
    const client = createCacheClient(ioredisDriver(connection), { namespace: 'shop' })
    const locks = createLocks({ client, ttl: DURATION })
    const redlock = new Redlock([connection], { retryCount: 0 })
    await redlock.acquire(['job'], DURATION)
    await locks.acquire('job')
    const again = () =>
      redlock.acquire(['job'], DURATION).then(
        () => 'acquired',
        () => 'held',
      )
    expect(await again()).toBe('held')
    await expect.poll(again).toBe('acquired')
    await sleep(DURATION)
    expect(await locks.tryAcquire('job')).toBe(null)
    await client.close()
    connection.disconnect()
  })

  it('a waiter of redlock gives up after its retries, and ours after its time', async () => {
    const connection = new Redis(redis.url)
    const redlock = new Redlock([connection], { retryCount: 2, retryDelay: 10, retryJitter: 0 })
    await redlock.acquire(['name'], 10_000)
    await expect(redlock.acquire(['name'], 10_000)).rejects.toThrow('quorum')
    const client = createCacheClient(ioredisDriver(connection))
    const locks = createLocks({ client, wait: 50 })
    await locks.acquire('name')
    await expect(locks.acquire('name')).rejects.toMatchObject({ name: 'LockTimeoutError' })
    await client.close()
    connection.disconnect()
  })
})

describe('during the deployment', () => {
  let connection: Redis
  let client: CacheClient
  beforeEach(() => {
    connection = new Redis(redis.url)
    client = createCacheClient(ioredisDriver(connection), { namespace: 'shop' })
  })
  afterEach(async () => {
    await client.close()
    connection.disconnect()
  })

  it('the old and the new lock do not exclude each other', async () => {
    const old = await new Redlock([connection]).acquire(['invoice-run'], 10_000)
    const lock = await createLocks({ client }).tryAcquire('invoice-run')
    expect(lock).not.toBe(null)
    await old.release()
    await lock!.release()
  })

  it('both together exclude whoever uses one of them', async () => {
    const redlock = new Redlock([connection], { retryCount: 0 })
    const locks = createLocks({ client, wait: 50 })
    const refused = await withBothLocks({ redlock, locks }, 'invoice-run', 10_000, async (lock) => {
      lock.assertHeld()
      expect(lock.signal.aborted).toBe(false)
      return {
        old: await redlock.acquire(['invoice-run'], 10_000).catch((error: Error) => error.name),
        new: await locks.tryAcquire('invoice-run'),
      }
    })
    expect(refused).toEqual({ old: 'ExecutionError', new: null })

    const old = await redlock.acquire(['invoice-run'], 10_000)
    const attempt = () => withBothLocks({ redlock, locks }, 'invoice-run', 10_000, async () => 1)
    await expect(attempt()).rejects.toMatchObject({ name: 'ExecutionError' })
    await old.release()
    const held = await locks.acquire('invoice-run')
    await expect(attempt()).rejects.toMatchObject({ name: 'LockTimeoutError' })
    await held.release()
    expect(await attempt()).toBe(1)
  })

  it('the work stops when one of the two is lost', async () => {
    const redlock = new Redlock([connection], { retryCount: 0 })
    const locks = createLocks({ client })
    const lost = withBothLocks({ redlock, locks }, 'invoice-run', DURATION, async (lock) => {
      await locks.forceRelease('invoice-run')
      await expect.poll(() => lock.signal.aborted).toBe(true)
      lock.assertHeld()
    })
    await expect(lost).rejects.toMatchObject({ name: 'LockLostError' })
  })
})
