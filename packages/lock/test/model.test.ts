import fc from 'fast-check'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ttlForValidity, validityTime } from '../src/backends/timing.js'
import { createLocks, createReadWriteLock, createSemaphore, type Lock } from '../src/index.js'
import { connect, longTimeouts } from './drivers.js'

const RUNS = process.env.CHAOS ? 5_000 : 150

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const anyOwner = fc.nat(2)
const anyName = fc.constantFrom('a', 'b')

describe('compared with a model', () => {
  it('locks behave like a map from name to holder, and fences rise', async () => {
    const connections = [0, 1, 2].map(() => connect('ioredis', server.url, longTimeouts))
    const locksOf = connections.map(({ client }) => createLocks({ client }))
    const step = fc.oneof(
      fc.record({ do: fc.constant('acquire' as const), owner: anyOwner, name: anyName }),
      fc.record({ do: fc.constant('acquireAll' as const), owner: anyOwner, name: anyName }),
      fc.record({ do: fc.constant('release' as const), owner: anyOwner, name: anyName }),
      fc.record({ do: fc.constant('extend' as const), owner: anyOwner, name: anyName }),
      fc.record({ do: fc.constant('forceRelease' as const), owner: anyOwner, name: anyName }),
      fc.record({ do: fc.constant('flush' as const), owner: anyOwner, name: anyName }),
    )
    const fences = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await server.flush()
        const current = new Map<string, Lock>()
        /** All acquired locks, also those that their owners have lost without knowing it. */
        const acquired: { readonly owner: number; readonly name: string; readonly lock: Lock }[] =
          []
        const record = (owner: number, name: string, lock: Lock): void => {
          expect(lock.fence).toBeGreaterThan(fences.get(name) ?? 0)
          fences.set(name, lock.fence)
          current.set(name, lock)
          acquired.push({ owner, name, lock })
        }
        for (const { do: action, owner, name } of steps) {
          const locks = locksOf[owner]!
          const mine = acquired.findLast((held) => held.owner === owner && held.name === name)
          const isHeld = mine !== undefined && current.get(name) === mine.lock
          if (action === 'acquire') {
            const lock = await locks.tryAcquire(name)
            expect(lock === null).toBe(current.has(name))
            if (lock) record(owner, name, lock)
          } else if (action === 'acquireAll') {
            const free = !current.has('a') && !current.has('b')
            const set = await locks
              .acquireAll(['b', 'a'], { wait: free ? 5_000 : 1 })
              .catch(() => undefined)
            expect(set !== undefined).toBe(free)
            for (const lock of set?.locks ?? []) record(owner, lock.name, lock)
          } else if (action === 'release' && mine) {
            expect(await mine.lock.release()).toBe(isHeld)
            if (isHeld) current.delete(name)
            acquired.splice(acquired.indexOf(mine), 1)
          } else if (action === 'extend' && mine) {
            expect(
              await mine.lock.extend().then(
                () => true,
                () => false,
              ),
            ).toBe(isHeld)
          } else if (action === 'forceRelease') {
            expect(await locks.forceRelease(name)).toBe(current.delete(name))
          } else if (action === 'flush') {
            await server.flush()
            current.clear()
          }
          const inspection = await locks.inspect(name)
          expect(inspection?.fence).toBe(current.get(name)?.fence)
        }
        await Promise.all(acquired.map(({ lock }) => lock.release()))
      }),
      { numRuns: RUNS },
    )
    for (const connection of connections) await connection[Symbol.asyncDispose]()
  }, 600_000)

  it('permits behave like counts of readers and writers', async () => {
    const connections = [0, 1, 2].map(() => connect('node-redis', server.url, longTimeouts))
    const semaphores = connections.map(({ client }) =>
      createSemaphore({ client, name: 'p', permits: 3 }),
    )
    const rwlocks = connections.map(({ client }) => createReadWriteLock({ client, name: 'rw' }))
    const step = fc.record({
      do: fc.constantFrom('permit', 'read', 'write', 'release' as const),
      owner: anyOwner,
      index: fc.nat(20),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        await server.flush()
        const held: { readonly kind: string; readonly lock: Lock }[] = []
        const count = (kind: string): number => held.filter((permit) => permit.kind === kind).length
        for (const { do: action, owner, index } of steps) {
          const semaphore = semaphores[owner]!
          const rwlock = rwlocks[owner]!
          if (action === 'release') {
            const [permit] = held.splice(index, 1)
            if (permit) expect(await permit.lock.release()).toBe(true)
          } else {
            const [target, isFree] =
              action === 'permit'
                ? [semaphore, count('permit') < 3]
                : action === 'read'
                  ? [rwlock.read, count('write') === 0]
                  : [rwlock.write, count('write') + count('read') === 0]
            const lock = await target.tryAcquire()
            expect(lock !== null).toBe(isFree)
            if (lock) held.push({ kind: action, lock })
          }
          expect(await semaphore.inspect()).toEqual({ held: count('permit'), waiting: 0 })
          expect(await rwlock.inspect()).toEqual({
            held: count('read') + count('write'),
            waiting: 0,
          })
        }
        await Promise.all(held.map(({ lock }) => lock.release()))
      }),
      { numRuns: RUNS },
    )
    for (const connection of connections) await connection[Symbol.asyncDispose]()
  }, 600_000)

  it('the validity time is shorter than the ttl, and at least half of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 2 ** 40 }), (ttl) => {
        expect(validityTime(ttl)).toBeLessThan(ttl)
        expect(validityTime(ttl)).toBeGreaterThanOrEqual(ttl / 2)
        expect(validityTime(ttlForValidity(ttl))).toBeGreaterThanOrEqual(ttl)
        expect(validityTime(ttlForValidity(ttl))).toBeLessThanOrEqual(ttl + 2)
      }),
    )
  })
})
