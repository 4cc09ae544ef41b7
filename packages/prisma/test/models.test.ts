import { createVersioned } from '@cache/versioning'
import { expect, it } from 'vitest'
import { onEachClient, watch, type Cache, type Db, type Queries } from './cases.js'

const users = (db: Queries) => db.$withCache().user.findMany({ orderBy: { id: 'asc' } })

onEachClient('prisma_models', (bench) => {
  let nextId = 100
  /** Queries whose results depend on posts, or on the tags of posts. */
  const queries: Record<string, (db: Db) => Promise<unknown>> = {
    'a query of the model': (db) => db.post.findMany(),
    include: (db) => db.user.findMany({ include: { posts: true } }),
    'a nested include': (db) =>
      db.profile.findMany({ include: { user: { include: { posts: true } } } }),
    select: (db) => db.user.findMany({ select: { posts: { select: { title: true } } } }),
    'a relation filter': (db) => db.user.findMany({ where: { posts: { some: {} }, id: 3 } }),
    'a relation filter in OR': (db) =>
      db.user.findMany({ where: { OR: [{ id: 9 }, { NOT: { posts: { none: {} } } }] } }),
    'a filter in a nested select': (db) =>
      db.user.findMany({
        select: {
          comments: { where: { post: { authorId: 3 } } },
          reports: { select: { posts: true } },
          posts: true,
        },
      }),
    'an order by the count of a relation': (db) =>
      db.user.findMany({ orderBy: [{ posts: { _count: 'desc' } }, { id: 'desc' }] }),
    'the count of a relation': (db) =>
      db.user.findMany({ select: { _count: { select: { posts: true } } } }),
    'the counts of all relations': (db) => db.user.findMany({ include: { _count: true } }),
    'a count with a relation filter': (db) => db.user.count({ where: { posts: { some: {} } } }),
    'the fluent API': (db) => db.user.findUnique({ where: { id: 3 } }).posts(),
  }

  it.each(Object.keys(queries))('%s changes with the model of the relation', async (name) => {
    const select = watch(/^select/i)
    const [here, there] = [bench.open({ hook: select.hook }), bench.open()]
    const read = () => queries[name]!(here.db.$withCache())
    const first = await read()
    const before = select.queries
    await there.db.counter.updateMany({ data: { value: 1 } })
    expect(await read()).toEqual(first)
    expect(select.queries).toBe(before) // Another model does not matter.

    for (const authorId of [3, 3, 1])
      await there.db.post.create({ data: { id: nextId++, title: 'types', authorId } })
    const second = await read()
    expect(second).not.toEqual(first)
    expect(second).toEqual(await queries[name]!(here.db))
    await there.db.post.deleteMany({ where: { title: 'types' } })
    expect(await read()).toEqual(first)
  })

  const renamed = { name: 'Lovelace' }
  const writes: Record<string, (db: Db) => Promise<unknown>> = {
    create: (db) => db.user.create({ data: { id: 4, name: 'Margaret' } }),
    createMany: (db) => db.user.createMany({ data: [{ id: 4, name: 'Margaret' }] }),
    createManyAndReturn: (db) =>
      db.user.createManyAndReturn({ data: [{ id: 4, name: 'Margaret' }] }),
    update: (db) => db.user.update({ where: { id: 1 }, data: renamed }),
    updateMany: (db) => db.user.updateMany({ where: { id: 1 }, data: renamed }),
    updateManyAndReturn: (db) => db.user.updateManyAndReturn({ where: { id: 1 }, data: renamed }),
    upsert: (db) =>
      db.user.upsert({ where: { id: 1 }, update: renamed, create: { id: 1, ...renamed } }),
    delete: (db) => db.user.delete({ where: { id: 3 } }),
    deleteMany: (db) => db.user.deleteMany({ where: { id: 3 } }),
    'a nested update': (db) =>
      db.post.update({ where: { id: 1 }, data: { author: { update: renamed } } }),
    'a nested update with data': (db) =>
      db.post.update({ where: { id: 1 }, data: { author: { update: { data: renamed } } } }),
    'a nested create': (db) =>
      db.post.create({
        data: { id: 3, title: 'new', author: { create: { id: 4, name: 'Margaret' } } },
      }),
    'a nested connectOrCreate': (db) =>
      db.post.create({
        data: {
          id: 3,
          title: 'new',
          author: { connectOrCreate: { where: { id: 4 }, create: { id: 4, name: 'Margaret' } } },
        },
      }),
    'a nested upsert': (db) =>
      db.post.update({
        where: { id: 1 },
        data: { author: { upsert: { create: { id: 4, ...renamed }, update: renamed } } },
      }),
    'a nested delete': (db) =>
      db.user.update({
        where: { id: 2 },
        data: { reports: { deleteMany: {} }, manager: { disconnect: true } },
      }),
    'a write nested twice': (db) =>
      db.comment.update({
        where: { id: 1 },
        data: { post: { update: { author: { update: renamed } } } },
      }),
    'a connect of a foreign key on the other side': (db) =>
      db.user.update({ where: { id: 1 }, data: { reports: { connect: { id: 3 } } } }),
    'a nested set': (db) => db.user.update({ where: { id: 1 }, data: { reports: { set: [] } } }),
  }

  it.each(Object.keys(writes))('%s makes results invalid in other processes', async (name) => {
    const [here, there] = [bench.open(), bench.open()]
    const before = await users(here.db)
    await writes[name]!(there.db)
    const after = await users(here.db)
    expect(after).not.toEqual(before)
    expect(after).toEqual(await here.db.user.findMany({ orderBy: { id: 'asc' } }))
  })

  const nestedPosts: Record<string, (db: Db) => Promise<unknown>> = {
    createMany: (db) =>
      db.user.update({
        where: { id: 1 },
        data: { posts: { createMany: { data: [{ id: 7, title: 'many' }] } } },
      }),
    updateMany: (db) =>
      db.user.update({
        where: { id: 1 },
        data: { posts: { updateMany: { where: {}, data: { title: 'many' } } } },
      }),
    update: (db) =>
      db.user.update({
        where: { id: 1 },
        data: { posts: { update: { where: { id: 1 }, data: { title: 'one' } } } },
      }),
    delete: (db) => db.user.update({ where: { id: 1 }, data: { posts: { delete: { id: 1 } } } }),
    deleteMany: (db) => db.user.update({ where: { id: 1 }, data: { posts: { deleteMany: {} } } }),
    disconnect: (db) =>
      db.user.update({ where: { id: 1 }, data: { posts: { disconnect: { id: 1 } } } }),
    connect: (db) => db.user.update({ where: { id: 3 }, data: { posts: { connect: { id: 1 } } } }),
    'a relation of a new row': (db) =>
      db.user.create({ data: { id: 4, name: 'Margaret', posts: { connect: { id: 1 } } } }),
  }

  it.each(Object.keys(nestedPosts))('%s in a relation changes its rows', async (name) => {
    const [here, there] = [bench.open(), bench.open()]
    const read = (db: Db) => db.post.findMany({ orderBy: { id: 'asc' } })
    const before = await read(here.db.$withCache())
    await nestedPosts[name]!(there.db)
    const after = await read(here.db.$withCache())
    expect(after).not.toEqual(before)
    expect(after).toEqual(await read(here.db))
  })

  it('connecting and disconnecting rows of a many-to-many relation changes both', async () => {
    const [here, there] = [bench.open(), bench.open()]
    const post = async () =>
      (
        await here.db.$withCache().post.findUniqueOrThrow({
          where: { id: 1 },
          include: { tags: true },
        })
      ).tags.map(({ id }) => id)
    const tag = async () =>
      (
        await here.db.$withCache().tag.findUniqueOrThrow({
          where: { id: 2 },
          select: { _count: { select: { posts: true } } },
        })
      )._count.posts
    const tagged = () => here.db.$withCache().post.count({ where: { tags: { some: { id: 2 } } } })
    expect([await post(), await tag(), await tagged()]).toEqual([[1], 0, 0])
    await there.db.post.update({ where: { id: 1 }, data: { tags: { connect: { id: 2 } } } })
    expect([(await post()).sort(), await tag(), await tagged()]).toEqual([[1, 2], 1, 1])
    await there.db.tag.update({ where: { id: 2 }, data: { posts: { disconnect: { id: 1 } } } })
    expect([await post(), await tag(), await tagged()]).toEqual([[1], 0, 0])
    await there.db.tag.update({
      where: { id: 2 },
      data: { posts: { set: [{ id: 1 }, { id: 2 }] } },
    })
    expect([(await post()).sort(), await tag(), await tagged()]).toEqual([[1, 2], 2, 2])
    await there.db.post.delete({ where: { id: 2 } })
    expect([(await post()).sort(), await tag(), await tagged()]).toEqual([[1, 2], 1, 1])
  })

  it('rows that foreign keys change are invalid: cascade and set null', async () => {
    const [here, there] = [bench.open(), bench.open()]
    const cached = here.db.$withCache()
    const read = async () => ({
      authors: (await cached.post.findMany({ orderBy: { id: 'asc' } })).map(
        (post) => post.authorId,
      ),
      profiles: await cached.profile.count(),
      comments: await cached.comment.count(),
    })
    expect(await read()).toEqual({ authors: [1, 2], profiles: 1, comments: 2 })
    await there.db.user.update({ where: { id: 1 }, data: { id: 11 } })
    expect(await read()).toEqual({ authors: [11, 2], profiles: 1, comments: 2 })
    await there.db.user.delete({ where: { id: 11 } })
    expect(await read()).toEqual({ authors: [null, 2], profiles: 0, comments: 2 })
    await there.db.post.delete({ where: { id: 1 } })
    expect(await read()).toEqual({ authors: [2], profiles: 0, comments: 1 })
  })

  it('a write that foreign keys do not pass on leaves other results valid', async () => {
    const select = watch(/^select/i)
    const [here, there] = [bench.open({ hook: select.hook }), bench.open()]
    const read = () => here.db.$withCache().post.findMany()
    await read()
    await there.db.user.update({ where: { id: 1 }, data: { name: 'Lovelace' } })
    await there.db.profile.delete({ where: { id: 1 } })
    await there.db.comment.create({ data: { id: 3, text: 'new', postId: 1 } })
    await read()
    expect(select.queries).toBe(1)
  })

  it('rows of triggers and views are invalid with dependents', async () => {
    const { db } = bench.open({ dependents: { Post: ['Log'], User: ['LongName'] } })
    const read = async () => [
      await db.$withCache().log.count(),
      await db.$withCache().longName.count(),
    ]
    expect(await read()).toEqual([2, 1])
    await db.post.create({ data: { id: 3, title: 'notes' } })
    await db.user.update({ where: { id: 1 }, data: { name: 'Lovelace' } })
    expect(await read()).toEqual([3, 2])
  })

  const raw: Record<
    string,
    (db: Db, cache: Cache, run: () => Promise<unknown>) => Promise<unknown>
  > = {
    'mutate()': (_db, cache, run) => cache.mutate('User', run),
    'mutate() of a lazy query': (db, cache) =>
      cache.mutate(['User'], () => db.$executeRaw`update users set name = 'B' where id = 1`),
    'invalidate() of the cache': (_db, cache, run) =>
      run().then(() => cache.invalidate({ models: ['User'] })),
    '$invalidate() of the client': (db, _cache, run) =>
      run().then(() => db.$invalidate({ models: 'User' })),
    'beginMutation()': async (_db, cache, run) => {
      await using change = await cache.beginMutation('User')
      await run()
      await change.commit()
    },
  }

  it.each(Object.keys(raw))('%s announces raw SQL', async (way) => {
    const { db, cache } = bench.open()
    const name = async () => (await users(db))[0]!.name
    expect(await name()).toBe('Ada')
    await db.$executeRaw`update users set name = ${'A'} where id = 1`
    expect(await name()).toBe('Ada') // Nothing is known about raw SQL.
    await raw[way]!(db, cache, async () =>
      db.$executeRawUnsafe(`update users set name = $1 where id = 1`, 'B'),
    )
    expect(await name()).toBe('B')
  })

  it('raw SQL is never cached', async () => {
    const select = watch(/^select/i)
    const { db } = bench.open({ hook: select.hook, strategy: 'all' })
    for (let i = 0; i < 2; i++) {
      expect(await db.$queryRaw`select 1 as one`).toEqual([{ one: 1 }])
      expect(await db.$withCache().$queryRawUnsafe('select $1::int as two', 2)).toEqual([
        { two: 2 },
      ])
    }
    expect(select.queries).toBe(4)
  })

  it('a cache of @cache/versioning becomes invalid with a model', async () => {
    const client = bench.newClient()
    const { db, cache } = bench.open({ client })
    let loads = 0
    const report = createVersioned<number, string>({
      client: bench.newClient(),
      prefix: 'report',
      ttl: '1h',
      load: () => ++loads,
      groups: () => [cache.groupOf('User')],
    })
    for (let i = 0; i < 2; i++) expect(await report.get('names')).toBe(1)
    await db.$transaction([db.user.update({ where: { id: 1 }, data: { name: 'Lovelace' } })])
    expect(await report.get('names')).toBe(2)
  })
})
