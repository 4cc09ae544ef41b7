import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheClient } from '@cache/core'
import { startRedis } from '@cache/testkit'
import { describe, expect, it, vi } from 'vitest'
import { createLocks, createSemaphore, type AcquireOptions } from '../src/index.js'
import { connect, driverNames, longTimeouts } from './drivers.js'
import { withoutTombstones } from './tombstones.js'

const timers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

describe.each(driverNames)(
  'waiting on %s',
  (driver) => {
    it('takes none of 20 contenders more than 20 turns of others', async () => {
      await using server = await startRedis()
      const connected = Array.from({ length: 20 }, () => connect(driver, server.url, longTimeouts))
      const contenders = connected.map(({ client }) => createLocks({ client }))
      const [HOLD, TURNS] = [10, 6]
      const grants: number[] = []
      const waits: { readonly startedAt: number; readonly acquiredAt: number }[] = []
      await Promise.all(
        contenders.map(async (locks) => {
          for (let turn = 0; turn < TURNS; turn++) {
            const allConnected = grants.length >= contenders.length
            const startedAt = performance.now()
            await using lock = await locks.acquire('x', { wait: '1m' })
            const acquiredAt = performance.now()
            if (allConnected) waits.push({ startedAt, acquiredAt })
            grants.push(acquiredAt)
            await new Promise((resolve) => setTimeout(resolve, HOLD))
            lock.assertHeld()
          }
        }),
      )
      // Nobody acquired it twice while another waited. So a wait takes at most these turns. Each
      // turn is a hold and a hand-over.
      for (const { startedAt, acquiredAt } of waits)
        expect(
          grants.filter((grant) => grant > startedAt && grant < acquiredAt).length,
        ).toBeLessThanOrEqual(contenders.length)
      const slowestTurn = Math.max(
        ...grants
          .slice(contenders.length)
          .map((grant, i) => grant - grants[contenders.length + i - 1]!),
      )
      expect(
        Math.max(...waits.map(({ startedAt, acquiredAt }) => acquiredAt - startedAt)),
      ).toBeLessThan((contenders.length + 1) * slowestTurn)
      await Promise.all(contenders.map((locks) => locks.close()))
      for (const connection of connected) await connection[Symbol.asyncDispose]()
    })

    it.each(['lock', 'permit'])('skips a waiter for a %s that died', async (kind) => {
      const create = (client: CacheClient) => {
        if (kind === 'permit') {
          const semaphore = createSemaphore({ client, name: 'x', permits: 1 })
          return {
            acquire: semaphore.acquire,
            waiting: async () => (await semaphore.inspect()).waiting,
          }
        }
        const locks = createLocks({ client })
        return {
          acquire: (options?: AcquireOptions) => locks.acquire('x', options),
          waiting: async () => (await locks.inspect('x'))!.waiting,
        }
      }
      await using server = await startRedis()
      await using a = connect(driver, server.url)
      await using b = connect(driver, server.url)
      const lock = await create(a.client).acquire()
      const dead = connect(driver, server.url)
      const waiting = create(dead.client).acquire({ wait: '1m', ttl: '1h' })
      waiting.catch(() => undefined)
      const locks = create(b.client)
      await vi.waitFor(async () => expect(await locks.waiting()).toBe(1), { timeout: 10_000 })
      const next = locks.acquire({ wait: '1m' })
      await vi.waitFor(async () => expect(await locks.waiting()).toBe(2), { timeout: 10_000 })
      await dead[Symbol.asyncDispose]() // it stays in the queue, and does not poll any more
      await lock.release()
      const acquired = await next
      acquired.assertHeld()
      await acquired.release()
    })

    it('keeps its order when Redis loses the queue', async () => {
      await using server = await startRedis()
      const connected = Array.from({ length: 5 }, () => connect(driver, server.url))
      const all = connected.map(({ client }) => createLocks({ client }))
      await all[0]!.acquire('x')
      const order: number[] = []
      const turns: Promise<void>[] = []
      for (const i of [1, 2, 3, 4]) {
        turns.push(
          all[i]!.withLock(
            'x',
            async () => {
              order.push(i)
              await new Promise((resolve) => setTimeout(resolve, 100))
            },
            { wait: '1m' },
          ),
        )
        await vi.waitFor(async () => expect((await all[0]!.inspect('x'))!.waiting).toBe(i), {
          timeout: 10_000,
        })
      }
      await server.cli('DEL', 'lock:{lock:x}:waiters')
      await vi.waitFor(async () => expect((await all[0]!.inspect('x'))!.waiting).toBe(4), {
        timeout: 10_000,
      })
      await all[0]!.close()
      await Promise.all(turns)
      expect(order).toEqual([1, 2, 3, 4])
      for (const connection of connected) await connection[Symbol.asyncDispose]()
    })

    it('leaves no key, timer or listener when it is cancelled', async () => {
      await using server = await startRedis()
      await using holder = connect(driver, server.url)
      await using waiter = connect(driver, server.url)
      const lock = await createLocks({ client: holder.client }).acquire('x', { ttl: '1m' })
      const locks = createLocks({ client: waiter.client })
      // it is subscribed to messages from now on
      await locks.acquire('x', { wait: 50 }).catch(() => undefined)
      const keys = async (): Promise<string[]> =>
        withoutTombstones((await server.cli('KEYS', '*')).split('\n')).sort()
      const before = { keys: await keys(), timers: timers() }
      const controller = new AbortController()
      const waits = Array.from({ length: 20 }, () =>
        locks.acquire('x', { signal: controller.signal, wait: '1h' }),
      )
      for (const wait of waits) wait.catch(() => undefined)
      await vi.waitFor(async () => expect((await locks.inspect('x'))!.waiting).toBe(20), {
        timeout: 10_000,
      })
      expect(getEventListeners(controller.signal, 'abort').length).toBe(1)
      controller.abort(new Error('cancelled'))
      for (const wait of waits) await expect(wait).rejects.toThrow('cancelled')
      expect(getEventListeners(controller.signal, 'abort')).toEqual([])
      // vi.waitFor and expect.poll would add timers of their own
      for (let i = 0; i < 100 && timers() > before.timers; i++) await sleep(50)
      expect(timers()).toBeLessThanOrEqual(before.timers)
      expect(await keys()).toEqual(before.keys)
      await lock.release()
    })

    it('falls back to polls if the user may not use channels', async () => {
      await using server = await startRedis()
      await server.cli('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '+@all', 'resetchannels')
      const url = server.url.replace('redis://', 'redis://mute:secret@')
      await using a = connect(driver, url)
      await using b = connect(driver, url)
      const lock = await createLocks({ client: a.client }).acquire('x')
      const next = createLocks({ client: b.client }).acquire('x')
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(await lock.release()).toBe(true)
      await (await next).release()
    })
  },
  60_000,
)
