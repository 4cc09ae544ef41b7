import fc from 'fast-check'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reliableFor, safe } from '../src/backends/backend.js'
import { createLocks, createReadWriteLock, createSemaphore, type Lock } from '../src/index.js'
import { connect, patient } from './drivers.js'

const RUNS = process.env.CHAOS ? 5_000 : 150

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const who = fc.nat(2)
const name = fc.constantFrom('a', 'b')

describe('compared with a model', () => {
  it('locks do what a map from name to holder would do, and fences rise', async () => {
    const owners = [0, 1, 2].map(() => connect('ioredis', server.url, patient))
    const all = owners.map(({ client }) => createLocks({ client }))
    const step = fc.oneof(
      fc.record({ do: fc.constant('take' as const), who, name }),
      fc.record({ do: fc.constant('takeAll' as const), who, name }),
      fc.record({ do: fc.constant('release' as const), who, name }),
      fc.record({ do: fc.constant('extend' as const), who, name }),
      fc.record({ do: fc.constant('force' as const), who, name }),
      fc.record({ do: fc.constant('flush' as const), who, name }),
    )
    const fences = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await server.flush()
        const holder = new Map<string, { readonly who: number; readonly lock: Lock }>()
        const believed: { readonly who: number; readonly name: string; readonly lock: Lock }[] = []
        const takes = (by: number, of: string, lock: Lock): void => {
          expect(lock.fence).toBeGreaterThan(fences.get(of) ?? 0)
          fences.set(of, lock.fence)
          holder.set(of, { who: by, lock })
          believed.push({ who: by, name: of, lock })
        }
        for (const one of steps) {
          const locks = all[one.who]!
          const mine = believed.findLast((held) => held.who === one.who && held.name === one.name)
          const really = mine !== undefined && holder.get(one.name)?.lock === mine.lock
          if (one.do === 'take') {
            const lock = await locks.tryAcquire(one.name)
            expect(lock === null).toBe(holder.has(one.name))
            if (lock) takes(one.who, one.name, lock)
          } else if (one.do === 'takeAll') {
            const free = !holder.has('a') && !holder.has('b')
            const set = await locks
              .acquireAll(['b', 'a'], { wait: free ? 5_000 : 1 })
              .catch(() => undefined)
            expect(set !== undefined).toBe(free)
            for (const lock of set?.locks ?? []) takes(one.who, lock.name, lock)
          } else if (one.do === 'release' && mine) {
            expect(await mine.lock.release()).toBe(really)
            if (really) holder.delete(one.name)
            believed.splice(believed.indexOf(mine), 1)
          } else if (one.do === 'extend' && mine) {
            expect(
              await mine.lock.extend().then(
                () => true,
                () => false,
              ),
            ).toBe(really)
          } else if (one.do === 'force') {
            expect(await locks.forceRelease(one.name)).toBe(holder.delete(one.name))
          } else if (one.do === 'flush') {
            await server.flush()
            holder.clear()
          }
          const found = await locks.inspect(one.name)
          expect(found?.fence).toBe(holder.get(one.name)?.lock.fence)
        }
        await Promise.all(believed.map(({ lock }) => lock.release()))
      }),
      { numRuns: RUNS },
    )
    for (const owner of owners) await owner[Symbol.asyncDispose]()
  }, 600_000)

  it('permits do what a count of readers and writers would do', async () => {
    const owners = [0, 1, 2].map(() => connect('node-redis', server.url, patient))
    const pools = owners.map(({ client }) => createSemaphore({ client, name: 'p', permits: 3 }))
    const rws = owners.map(({ client }) => createReadWriteLock({ client, name: 'rw' }))
    const step = fc.record({
      do: fc.constantFrom('permit', 'read', 'write', 'release' as const),
      who,
      which: fc.nat(20),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        await server.flush()
        const held: { readonly kind: string; readonly lock: Lock }[] = []
        const count = (kind: string): number => held.filter((one) => one.kind === kind).length
        for (const one of steps) {
          if (one.do === 'release') {
            const [gone] = held.splice(one.which, 1)
            if (gone) expect(await gone.lock.release()).toBe(true)
          } else {
            const [side, fits] =
              one.do === 'permit'
                ? [pools[one.who]!, count('permit') < 3]
                : one.do === 'read'
                  ? [rws[one.who]!.read, count('write') === 0]
                  : [rws[one.who]!.write, count('write') + count('read') === 0]
            const lock = await side.tryAcquire()
            expect(lock !== null).toBe(fits)
            if (lock) held.push({ kind: one.do, lock })
          }
          expect(await pools[one.who]!.inspect()).toEqual({ held: count('permit'), waiting: 0 })
          expect(await rws[one.who]!.inspect()).toEqual({
            held: count('read') + count('write'),
            waiting: 0,
          })
        }
        await Promise.all(held.map(({ lock }) => lock.release()))
      }),
      { numRuns: RUNS },
    )
    for (const owner of owners) await owner[Symbol.asyncDispose]()
  }, 600_000)

  it('a ttl is relied on for less than it is, and long enough', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 2 ** 40 }), (ttl) => {
        expect(safe(ttl)).toBeLessThan(ttl)
        expect(safe(ttl)).toBeGreaterThanOrEqual(ttl / 2)
        expect(safe(reliableFor(ttl))).toBeGreaterThanOrEqual(ttl)
        expect(safe(reliableFor(ttl))).toBeLessThanOrEqual(ttl + 2)
      }),
    )
  })
})
