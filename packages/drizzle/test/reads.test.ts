import { eq, inArray, sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { onEachClient, watch } from './cases.js'
import { everything, posts, users } from './schema.js'

onEachClient('drizzle_reads', (bench) => {
  it('caches the rows of a query, for all processes', async () => {
    const select = watch(/^select/)
    const [here, there] = [bench.open({ hook: select.hook }), bench.open({ hook: select.hook })]
    for (const { db } of [here, there, here])
      expect(await db.select().from(users).where(eq(users.id, 1)).$withCache()).toEqual([
        { id: 1, name: 'Ada' },
      ])
    expect(select.queries).toBe(1)
    expect(await there.db.select().from(users).where(eq(users.id, 2)).$withCache()).toEqual([
      { id: 2, name: 'Grace' },
    ])
    expect(select.queries).toBe(2)
    expect(here.cache.stats()).toMatchObject({ misses: 1, hits: 1 })
  })

  it('caches only what it is asked to, unless its strategy is all', async () => {
    const select = watch(/^select/)
    const explicit = bench.open({ hook: select.hook }).db
    await explicit.select().from(users)
    await explicit.query.users.findMany()
    await explicit.select().from(users)
    expect(select.queries).toBe(3)

    const all = bench.open({ hook: select.hook, strategy: 'all', prefix: 'all' }).db
    for (let i = 0; i < 2; i++) {
      await all.select().from(users)
      await all.query.users.findMany({ columns: { id: true } })
      await all.select().from(users).where(eq(users.id, 1)).$withCache(false)
    }
    expect(select.queries).toBe(3 + 4)
  })

  it('loads the rows of a cold query once for 2 processes × 20 callers', async () => {
    const select = watch(/^select/)
    const dbs = [bench.open({ hook: select.hook }).db, bench.open({ hook: select.hook }).db]
    const reads = dbs.flatMap((db) =>
      Array.from({ length: 20 }, () => db.select().from(users).$withCache()),
    )
    for (const rows of await Promise.all(reads)) expect(rows).toHaveLength(3)
    expect(select.queries).toBe(1)
  })

  it('returns the same values from the cache as from the database', async () => {
    const select = watch(/^select/)
    const { db } = bench.open({ hook: select.hook })
    const row = {
      id: 2n ** 60n,
      at: new Date('2026-01-02T03:04:05.678Z'),
      price: '1234567890.12345678901',
      bytes: Buffer.from([0, 255, 128]),
      data: { nested: [1, 'two', null] },
    }
    await db.insert(everything).values(row)
    const read = () =>
      db
        .select()
        .from(everything)
        .where(eq(everything.id, 2n ** 60n)) // a bigint as a parameter
        .$withCache()
    expect(await read()).toEqual([row])
    expect(await read()).toEqual([row])
    expect(select.queries).toBe(1)
  })

  it('caches prepared queries by their parameters', async () => {
    const select = watch(/^select/)
    const { db } = bench.open({ hook: select.hook })
    const byId = db
      .select({ name: users.name })
      .from(users)
      .where(eq(users.id, sql.placeholder('id')))
      .$withCache()
      .prepare('by_id')
    for (let i = 0; i < 2; i++) {
      expect(await byId.execute({ id: 1 })).toEqual([{ name: 'Ada' }])
      expect(await byId.execute({ id: 2 })).toEqual([{ name: 'Grace' }])
    }
    expect(select.queries).toBe(2)
    await db.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1))
    expect(await byId.execute({ id: 1 })).toEqual([{ name: 'Lovelace' }])
  })

  it('read() caches relational queries, and refuses what it can not cache', async () => {
    const select = watch(/^select/)
    const { db, cache } = bench.open({ hook: select.hook })
    const read = () =>
      cache.read(db.query.users.findMany({ with: { posts: true }, orderBy: users.id }))
    const first = await read()
    expect(first[0]).toEqual({
      id: 1,
      name: 'Ada',
      posts: [{ id: 1, userId: 1, title: 'engines' }],
    })
    expect(await read()).toEqual(first)
    expect(select.queries).toBe(1)
    await expect(
      cache.read(bench.open({ wrapped: false }).db.select().from(users)),
    ).rejects.toThrow(/cachedDatabase/)
  })

  it('keeps rows for the ttl of the query', async () => {
    const { db, cache } = bench.open()
    await db
      .select()
      .from(users)
      .$withCache({ config: { px: 60_000 } })
    await cache.read(db.select().from(posts), { ttl: '2m' })
    const ttls = []
    for (const key of await bench.redis.cli('KEYS', 'shop:sql:query:*').then(linesOf))
      ttls.push(Number(await bench.redis.cli('PTTL', key)))
    ttls.sort((a, b) => a - b)
    expect(ttls).toHaveLength(2)
    expect(ttls[0]).toBeLessThanOrEqual(60_000)
    expect(ttls[1]).toBeGreaterThan(60_000)
    expect(ttls[1]).toBeLessThanOrEqual(120_000)
    await expect(
      db
        .select()
        .from(users)
        .$withCache({ config: { exat: 5 } }),
    ).rejects.toThrow(/config\.exat/)
    await expect(
      db
        .select()
        .from(users)
        .$withCache({ config: { ex: 0.5 } }),
    ).rejects.toThrow(/config\.ex/)
  })

  it('drops an entry by its tag, and keeps one without autoInvalidate until then', async () => {
    const { db } = bench.open()
    const read = () =>
      db.select().from(users).where(eq(users.id, 1)).$withCache({
        tag: 'ada',
        autoInvalidate: false,
      })
    expect(await read()).toEqual([{ id: 1, name: 'Ada' }])
    await db.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1))
    expect(await read()).toEqual([{ id: 1, name: 'Ada' }])
    await db.$cache.invalidate({ tags: ['ada'] })
    expect(await read()).toEqual([{ id: 1, name: 'Lovelace' }])
  })

  it('does not cache a query that locks rows', async () => {
    const select = watch(/^select/)
    const { db } = bench.open({ hook: select.hook, strategy: 'all' })
    for (let i = 0; i < 2; i++) await db.select().from(users).for('update')
    expect(select.queries).toBe(2)
  })

  it('an error of the database reaches all callers, and is not cached', async () => {
    const { db } = bench.open()
    const read = () =>
      db
        .select()
        .from(users)
        .where(sql`1 / (${users.id} - 1) > 0`)
        .$withCache()
    const results = await Promise.allSettled([read(), read()])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await db.delete(users).where(inArray(users.id, [1]))
    expect(await read()).toHaveLength(1)
  })
})

function linesOf(text: unknown): string[] {
  return String(text).split('\n').filter(Boolean)
}
