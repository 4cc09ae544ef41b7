import { expect, it } from 'vitest'
import { createPrismaCache } from '../src/index.js'
import { onEachClient, watch, type Db } from './cases.js'
import { Prisma } from './generated/client.js'

onEachClient('prisma_reads', (bench) => {
  it('caches the result of a query, for all processes', async () => {
    const select = watch(/^select/i)
    const [here, there] = [bench.open({ hook: select.hook }), bench.open({ hook: select.hook })]
    const user = { id: 1, name: 'Ada', managerId: null }
    for (const { db } of [here, there, here])
      expect(await db.$withCache().user.findUnique({ where: { id: 1 } })).toEqual(user)
    expect(select.queries).toBe(1)
    expect(await there.db.$withCache().user.findUnique({ where: { id: 9 } })).toBeNull()
    expect(await here.db.$withCache().user.findUnique({ where: { id: 9 } })).toBeNull()
    expect(select.queries).toBe(2)
    expect(here.cache.stats()).toMatchObject({ misses: 1, hits: 2 })
  })

  it('caches only what it is asked to, unless its strategy is all', async () => {
    const select = watch(/^select/i)
    const explicit = bench.open({ hook: select.hook }).db
    for (let i = 0; i < 2; i++) {
      await explicit.user.findMany()
      await explicit.$withCache(false).user.findMany()
    }
    expect(select.queries).toBe(4)
    const all = bench.open({ hook: select.hook, strategy: 'all', prefix: 'all' }).db
    for (let i = 0; i < 2; i++) {
      await all.user.findMany()
      await all.user.count()
      await all.$withCache(false).user.findMany()
    }
    expect(select.queries).toBe(4 + 4)
  })

  it('loads the result of a cold query once for 2 processes × 20 callers', async () => {
    const select = watch(/^select/i)
    const dbs = [bench.open({ hook: select.hook }).db, bench.open({ hook: select.hook }).db]
    const reads = dbs.flatMap((db) =>
      Array.from({ length: 20 }, () => db.$withCache().user.findMany()),
    )
    const results = await Promise.all(reads)
    for (const rows of results) expect(rows).toHaveLength(3)
    expect(select.queries).toBe(1)
    // Each caller may change its own copy.
    results[0]![0]!.name = 'changed'
    expect(results[1]![0]!.name).toBe('Ada')
  })

  it('returns the same values from the cache as from the database', async () => {
    const select = watch(/^select/i)
    const { db, prisma } = bench.open({ hook: select.hook })
    await db.everything.create({
      data: {
        id: 2n ** 60n,
        at: new Date('2026-01-02T03:04:05.678Z'),
        price: '1234567890.12345678901',
        bytes: Uint8Array.from([0, 255, 128]),
        data: { $prisma: '1.5', nested: [1, 'two', null, { $prisma: { at: 'now' } }] },
        nothing: Prisma.JsonNull,
        role: 'ADMIN',
        roles: ['READER', 'ADMIN'],
        prices: [new Prisma.Decimal('0.1'), new Prisma.Decimal(2)],
        ratio: -0.1,
      },
    })
    const row = await prisma.everything.findFirstOrThrow()
    const before = select.queries
    for (let i = 0; i < 3; i++) {
      const cached = await db.$withCache().everything.findFirstOrThrow({
        where: { id: 2n ** 60n, price: new Prisma.Decimal('1234567890.12345678901') },
      })
      expect(cached).toEqual(row)
      expect(Object.keys(cached)).toEqual(Object.keys(row))
      expect(cached.at).toBeInstanceOf(Date)
      expect(cached.price).toBeInstanceOf(Prisma.Decimal)
      expect(cached.price.toFixed()).toBe('1234567890.12345678901')
      expect(cached.prices[0]).toBeInstanceOf(Prisma.Decimal)
      expect(cached.bytes).toBeInstanceOf(Uint8Array)
      expect(Buffer.isBuffer(cached.bytes)).toBe(Buffer.isBuffer(row.bytes))
      expect(cached.optional).toBeNull()
      expect(typeof cached.id).toBe('bigint')
    }
    expect(select.queries).toBe(before + 1)
    const sum = () => db.$withCache().everything.aggregate({ _sum: { price: true }, _count: true })
    for (let i = 0; i < 2; i++)
      expect(await sum()).toEqual({ _sum: { price: row.price }, _count: 1 })
  })

  it('tells arguments apart that are similar', async () => {
    const { db } = bench.open()
    const price = new Prisma.Decimal(1)
    const data = { bytes: Uint8Array.of(1), role: 'ADMIN' as const, ratio: 1 }
    const at = new Date(1)
    await db.everything.createMany({
      data: [
        { ...data, id: 1n, at, price, data: {}, nothing: Prisma.JsonNull },
        { ...data, id: 2n, at, price, data: {}, nothing: Prisma.DbNull },
        { ...data, id: 3n, at: new Date(2), price: 2, data: 'null' },
      ],
    })
    const find = async (where: Prisma.EverythingWhereInput) =>
      (await db.$withCache().everything.findMany({ where, orderBy: { id: 'asc' } })).map(({ id }) =>
        Number(id),
      )
    for (let i = 0; i < 2; i++) {
      expect(await find({ nothing: { equals: Prisma.JsonNull } })).toEqual([1])
      expect(await find({ nothing: { equals: Prisma.DbNull } })).toEqual([2, 3])
      expect(await find({ nothing: { equals: Prisma.AnyNull } })).toEqual([1, 2, 3])
      expect(await find({ at: new Date(1) })).toEqual([1, 2])
      expect(await find({ at: new Date(2) })).toEqual([3])
      expect(await find({ price: 1 })).toEqual([1, 2])
      expect(await find({ price: new Prisma.Decimal(2) })).toEqual([3])
      expect(await find({ bytes: Uint8Array.of(2) })).toEqual([])
      expect(await find({ bytes: Uint8Array.of(1) })).toEqual([1, 2, 3])
      expect(await find({ price: { gt: db.everything.fields.optional } })).toEqual([])
      expect(await find({ price: { equals: db.everything.fields.price } })).toEqual([1, 2, 3])
    }
  })

  it('caches all kinds of reads, and the fluent API', async () => {
    const select = watch(/^select/i)
    const { db } = bench.open({ hook: select.hook })
    const reads: ((queries: Db) => Promise<unknown>)[] = [
      (queries) => queries.user.findFirst({ orderBy: { id: 'asc' } }),
      (queries) => queries.user.findUniqueOrThrow({ where: { name: 'Ada' } }),
      (queries) => queries.user.count(),
      (queries) => queries.user.count({ select: { _all: true, managerId: true } }),
      (queries) =>
        queries.user.groupBy({ by: ['managerId'], _count: true, orderBy: { managerId: 'asc' } }),
      (queries) => queries.user.findUnique({ where: { id: 1 }, select: { posts: true } }),
      (queries) => queries.user.findUnique({ where: { id: 1 } }).posts(),
      (queries) => queries.user.findUnique({ where: { id: 1 } }).posts({ select: { title: true } }),
      (queries) => queries.user.findMany({ include: { posts: { include: { tags: true } } } }),
      (queries) => queries.user.findMany({ omit: { name: true }, distinct: ['managerId'] }),
    ]
    const expected = []
    for (const read of reads) expected.push(await read(db))
    const before = select.queries
    for (let i = 0; i < 2; i++)
      for (const [index, read] of reads.entries())
        expect(await read(db.$withCache())).toEqual(expected[index])
    const cold = select.queries - before
    for (const read of reads) await read(db.$withCache())
    expect(select.queries - before).toBe(cold)
  })

  it('computes fields of result extensions, added before and after the cache', async () => {
    const select = watch(/^select/i)
    const cache = createPrismaCache({ client: bench.newClient(), Prisma, ttl: '1h' })
    const db = bench
      .newPrisma(select.hook)
      .$extends({
        result: {
          user: {
            shout: { needs: { name: true }, compute: ({ name }) => name.toUpperCase() },
          },
        },
      })
      .$extends(cache.extension)
      .$extends({
        result: { user: { length: { needs: { name: true }, compute: ({ name }) => name.length } } },
      })
    for (let i = 0; i < 3; i++) {
      const user = await db.$withCache().user.findUniqueOrThrow({ where: { id: 1 } })
      expect(user.shout).toBe('ADA')
      expect(user.length).toBe(3)
      const selected = await db.$withCache().post.findFirstOrThrow({
        where: { id: 1 },
        select: { author: { select: { shout: true } } },
      })
      expect(Object.entries(selected.author!)).toEqual([['shout', 'ADA']])
    }
    expect(select.queries).toBeLessThanOrEqual(3)
    const before = select.queries
    await db.$withCache().user.findUniqueOrThrow({ where: { id: 1 } })
    expect(select.queries).toBe(before)
  })

  it('keeps the results of clients apart that compute other fields', async () => {
    const { db } = bench.open()
    const named = db.$extends({
      result: {
        user: { shout: { needs: { name: true }, compute: ({ name }) => name.toUpperCase() } },
      },
    })
    const query = { where: { id: 1 }, omit: { name: true } } as const
    for (let i = 0; i < 2; i++) {
      const user = await named.$withCache().user.findFirstOrThrow(query)
      expect(user.shout).toBe('ADA')
      expect(await db.$withCache().user.findFirst(query)).toEqual({ id: 1, managerId: null })
    }
  })

  it('does not answer a query with undefined that Prisma refuses', async () => {
    const { db, prisma } = bench.open()
    Object.assign(prisma, { _previewFeatures: ['strictUndefinedChecks'] })
    expect(await db.$withCache().user.findMany({ where: {} })).toHaveLength(3)
    const where = { id: undefined } as object
    await expect(db.$withCache().user.findMany({ where })).rejects.toThrow(
      Prisma.PrismaClientValidationError,
    )
  })

  it('keeps the results of clients apart that omit other fields', async () => {
    const client = bench.newClient()
    const { db } = bench.open({ client })
    const { PrismaClient } = await import('./generated/client.js')
    const discreet = new PrismaClient({
      adapter: bench.database.adapter(),
      omit: { user: { name: true } },
    }).$extends(createPrismaCache({ client, Prisma, ttl: '1h' }).extension)
    for (let i = 0; i < 2; i++) {
      expect(await db.$withCache().user.findFirst({ where: { id: 1 } })).toHaveProperty('name')
      expect(await discreet.$withCache().user.findFirst({ where: { id: 1 } })).not.toHaveProperty(
        'name',
      )
    }
    await discreet.$disconnect()
  })

  it('keeps results for the ttl of the call', async () => {
    const { db } = bench.open()
    await db.$withCache(60_000).user.findMany()
    await db.$withCache({ ttl: '2m' }).post.findMany()
    const ttls = []
    for (const key of await bench.redis.cli('KEYS', 'shop:prisma:query:*').then(linesOf))
      ttls.push(Number(await bench.redis.cli('PTTL', key)))
    ttls.sort((a, b) => a - b)
    expect(ttls).toHaveLength(2)
    expect(ttls[0]).toBeLessThanOrEqual(60_000)
    expect(ttls[1]).toBeGreaterThan(60_000)
    expect(ttls[1]).toBeLessThanOrEqual(120_000)
  })

  it('drops results by tag, and keeps those without autoInvalidate until then', async () => {
    const { db, cache } = bench.open()
    const names = async () =>
      (
        await db
          .$withCache({ tags: ['names', 'people'], autoInvalidate: false })
          .user.findMany({ orderBy: { id: 'asc' } })
      ).map(({ name }) => name)
    expect(await names()).toEqual(['Ada', 'Grace', 'Barbara'])
    await db.user.update({ where: { id: 1 }, data: { name: 'Lovelace' } })
    expect(await names()).toEqual(['Ada', 'Grace', 'Barbara'])
    await db.$invalidate({ tags: ['people'] })
    expect(await names()).toEqual(['Lovelace', 'Grace', 'Barbara'])
    await db.user.update({ where: { id: 1 }, data: { name: 'Ada' } })
    await cache.invalidate({ tags: 'names' })
    expect(await names()).toEqual(['Ada', 'Grace', 'Barbara'])
  })

  it('an error of the database reaches all callers, and is not cached', async () => {
    const { db } = bench.open()
    const read = () => db.$withCache().user.findUniqueOrThrow({ where: { id: 9 } })
    for (const result of await Promise.allSettled([read(), read()])) {
      expect(result.status).toBe('rejected')
      const { reason } = result as PromiseRejectedResult
      expect(reason).toBeInstanceOf(Prisma.PrismaClientKnownRequestError)
      expect((reason as Prisma.PrismaClientKnownRequestError).code).toBe('P2025')
    }
    await bench.database.run(`insert into users values (9, 'Edith')`)
    expect((await read()).name).toBe('Edith')
  })

  it('refuses arguments that Prisma refuses', async () => {
    const { db } = bench.open()
    const wrong = { where: { unknown: 1 } } as never
    await expect(db.$withCache().user.findMany(wrong)).rejects.toThrow(
      Prisma.PrismaClientValidationError,
    )
  })
})

function linesOf(text: unknown): string[] {
  return String(text).split('\n').filter(Boolean)
}
