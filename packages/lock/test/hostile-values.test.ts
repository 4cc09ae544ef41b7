import { hostileValues, plantValue } from '@cache/testkit'
import { ServerError } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { createLocks, createSemaphore } from '../src/index.js'
import { onEveryDriver } from './every-driver.js'

onEveryDriver(({ newClient, keys }) => {
  describe('whatever the companion keys of a lock contain', () => {
    it('the lock is granted, renewed, waited for and released', async () => {
      const client = newClient()
      await using locks = createLocks({ client, ttl: '10s' })
      const first = await locks.acquire('a')
      const waiting = locks.acquire('a', { wait: '20s' })
      await expect.poll(async () => (await locks.inspect('a'))!.waiting).toBe(1)
      const companions = (await keys()).filter(
        (key) => key.includes('{') && !key.includes(':left:'),
      )
      await first.release()
      await (await waiting).release()
      expect(companions.map((key) => key.split(':').at(-1)).sort()).toEqual(['fence', 'waiters'])
      for (const key of companions) {
        for (const value of hostileValues()) {
          const context = `${key}: ${value.name}`
          await plantValue(client, key, value)
          const lock = await locks.acquire('a', { wait: '5s' })
          expect(lock.fence, context).toBeGreaterThan(0)
          expect(lock.fence, context).toBeLessThan(9e15)
          await plantValue(client, key, value)
          expect(await locks.tryAcquire('a'), context).toBeNull()
          expect(await locks.inspect('a'), context).toMatchObject({ fence: lock.fence })
          await lock.extend('11s')
          expect(await lock.release(), context).toBe(true)
          const set = await locks.acquireAll(['a'], { wait: '5s' })
          expect(await set.release(), context).toBe(true)
        }
      }
    }, 60_000)

    it('a permit is granted, renewed and released', async () => {
      const client = newClient()
      await using pool = createSemaphore({ client, name: 'pool', permits: 1, ttl: '10s' })
      const permit = await pool.acquire()
      const waiting = pool.acquire({ wait: '20s' })
      await expect.poll(async () => (await pool.inspect()).waiting).toBe(1)
      const companions = (await keys()).filter(
        (key) => key.includes('}:') && !key.includes(':left:'),
      )
      await permit.release()
      await (await waiting).release()
      expect(companions.map((key) => key.split(':').at(-1)).sort()).toEqual([
        'fence',
        'held',
        'waiters',
      ])
      for (const key of companions) {
        for (const value of hostileValues()) {
          const context = `${key}: ${value.name}`
          await plantValue(client, key, value)
          const held = await pool.acquire({ wait: '5s' })
          expect(held.fence, context).toBeGreaterThan(0)
          expect(held.fence, context).toBeLessThan(9e15)
          await plantValue(client, key, value)
          await held.extend('11s')
          expect((await pool.inspect()).held, context).toBe(1)
          expect(await held.release(), context).toBe(true)
        }
      }
    }, 60_000)
  })

  describe('a foreign value at the key of a lock', () => {
    it('counts as a holder until it is gone or released by force', async () => {
      const client = newClient()
      await using locks = createLocks({ client, ttl: '10s' })
      const key = 'shop:lock:a'
      for (const value of hostileValues()) {
        await plantValue(client, key, value)
        if (value.type === 'string') expect(await locks.tryAcquire('a'), value.name).toBeNull()
        else
          await expect(locks.tryAcquire('a'), value.name).rejects.toMatchObject({
            name: ServerError.kind,
            code: 'WRONGTYPE',
          })
        expect(await locks.forceRelease('a'), value.name).toBe(true)
        const lock = (await locks.tryAcquire('a'))!
        await plantValue(client, key, value)
        expect(await lock.release(), value.name).toBe(false)
        await locks.forceRelease('a')
      }
    })

    it('of a semaphore: impossible expiries take no permit, other types are refused', async () => {
      const client = newClient()
      await using pool = createSemaphore({ client, name: 'pool', permits: 1, ttl: '10s' })
      await (await pool.acquire()).release()
      const key = 'shop:semaphore:pool'
      for (const score of ['+inf', '1e300', '-inf', '-5']) {
        await plantValue(client, key, { plant: (at) => [['ZADD', at, score, 's:somebody']] })
        const permit = await pool.acquire({ wait: '5s' })
        expect(await permit.release(), score).toBe(true)
      }
      for (const value of hostileValues().filter(({ type }) => type !== 'zset')) {
        await plantValue(client, key, value)
        await expect(pool.tryAcquire(), value.name).rejects.toMatchObject({ code: 'WRONGTYPE' })
      }
    })
  })
})
