import { createAside, type Aside } from '@cache/aside'
import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { longestTurn, matrix, type Stage } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createInvalidationBus, withNearCache } from '../src/index.js'

const resilience = { readTimeout: '60s', writeTimeout: '60s' } as const
const cases = matrix<CacheClient>({
  ioredis: (raw) => createCacheClient(ioredisDriver(raw), { namespace: 'shop', resilience }),
  'node-redis': (raw) => createCacheClient(nodeRedisDriver(raw), { namespace: 'shop', resilience }),
})
const idsFrom = (start: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => start + i)
const FEW = 1_500
const MANY = process.env.CHAOS ? 60_000 : 12_000

describe.each(cases.filter(({ topology }) => topology === 'standalone'))(
  'one call with very many ids does not block the process, on $name',
  ({ start }) => {
    let stage: Stage<CacheClient>
    beforeAll(async () => void (stage = await start()))
    afterAll(() => stage.stop())
    beforeEach(() => stage.flush())

    /** Expects that many ids block the process for not much longer than a few ids. */
    async function expectShortTurns(
      call: (ids: readonly number[]) => Promise<unknown>,
    ): Promise<void> {
      await call(idsFrom(0, 200)) // warms up the compiler
      const few = await longestTurn(() => call(idsFrom(1_000, FEW)))
      const many = await longestTurn(() => call(idsFrom(10_000, MANY)))
      expect(many).toBeLessThan(few * 3 + 80)
    }

    const load = (missing: readonly number[]): readonly number[] => missing

    it('getOrLoadMany, of missing and of cached values, in the order of the ids', async () => {
      const rows = createAside<number, number>({ client: stage.driver(), prefix: 'row', ttl: '1h' })
      await expectShortTurns(async (ids) =>
        expect(await rows.getOrLoadMany(ids, load)).toEqual(ids),
      )
      let missed = 0
      await expectShortTurns(async (ids) =>
        expect(
          await rows.getOrLoadMany(ids, (missing) => ((missed += missing.length), load(missing))),
        ).toEqual(ids),
      )
      expect(missed).toBe(0)
    }, 120_000)

    it('getOrLoadMany and invalidate, with a near cache', async () => {
      const client = stage.driver()
      await using bus = createInvalidationBus({ client, heartbeat: '30s' })
      await bus.ready()
      const near = withNearCache(client, { bus, maxEntries: 100_000 })
      const rows: Aside<number, number> = createAside<number, number>({
        client: near,
        prefix: 'row',
        ttl: '1h',
      })
      await rows.getOrLoadMany(idsFrom(0, 200), load)
      for (const ids of [idsFrom(1_000, FEW), idsFrom(10_000, MANY)])
        await rows.getOrLoadMany(ids, load)
      await expectShortTurns((ids) => rows.getOrLoadMany(ids, load))
      await expectShortTurns((ids) => rows.invalidate(ids))
      expect(near.near.stats().entries).toBe(0)
      await near.close()
    }, 120_000)

    it('invalidate and mutate', async () => {
      const rows = createAside<number, number>({ client: stage.driver(), prefix: 'row', ttl: '1h' })
      await expectShortTurns((ids) => rows.invalidate(ids))
      await expectShortTurns((ids) => rows.mutate(ids, () => undefined))
    }, 120_000)
  },
)

it('an error of a loader with very many ids reaches only its caller', async () => {
  const unhandled: unknown[] = []
  const record = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', record)
  const stage = await cases[0]!.start()
  try {
    const rows = createAside<number, number>({ client: stage.driver(), prefix: 'row', ttl: '1h' })
    const ids = idsFrom(0, 3_000)
    // A caller after the error loads again, and does not join the failed load.
    await expect(
      rows.getOrLoadMany(ids, () => Promise.reject(new Error('the source is out'))),
    ).rejects.toThrow('the source is out')
    const partial = rows.getOrLoadMany(ids, (missing) =>
      missing.map((id) =>
        id % 2_000 === 1_999 ? Promise.reject(new Error(`not ${id}`)) : Promise.resolve(id),
      ),
    )
    await expect(partial).rejects.toThrow('not 1999')
    const leaving = new AbortController()
    const left = rows.getOrLoadMany(
      ids,
      async (missing) => (leaving.abort(new Error('left')), missing),
      { signal: leaving.signal },
    )
    await expect(left).rejects.toThrow('left')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(unhandled).toEqual([])
  } finally {
    process.off('unhandledRejection', record)
    await stage.stop()
  }
}, 60_000)
