import { createVersioned } from '@cache/versioning'
import { eq, exists, inArray, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { expect, it } from 'vitest'
import { createDrizzleCache } from '../src/index.js'
import { onEachClient, watch } from './cases.js'
import { counters, log, longNames, posts, userCount, users } from './schema.js'

onEachClient('drizzle_tables', (bench) => {
  const author = alias(users, 'author')

  type Db = ReturnType<typeof bench.open>['db']
  type Cache = ReturnType<typeof bench.open>['cache']

  /** Queries that show posts with a title of a user, and the titles in their rows. */
  const queries: Record<string, (db: Db, cache: Cache) => Promise<unknown>> = {
    'a query of the table': (db) => db.select().from(posts).$withCache(),
    'a join': (db) =>
      db.select().from(users).leftJoin(posts, eq(posts.userId, users.id)).$withCache(),
    'a join of an alias': (db) =>
      db.select().from(posts).innerJoin(author, eq(author.id, posts.userId)).$withCache(),
    'a subquery': (db) => {
      const titles = db.select({ title: posts.title }).from(posts).as('titles')
      return db.select().from(titles).$withCache()
    },
    'a subquery in WHERE': (db) =>
      db
        .select()
        .from(users)
        .where(inArray(users.id, db.select({ id: posts.userId }).from(posts)))
        .$withCache(),
    'EXISTS in WHERE': (db) =>
      db
        .select()
        .from(users)
        .where(exists(db.select().from(posts).where(eq(posts.userId, users.id))))
        .$withCache(),
    'a CTE': (db) => {
      const titles = db.$with('titles').as(db.select({ title: posts.title }).from(posts))
      return db.with(titles).select().from(titles).$withCache()
    },
    'a CTE that is joined': (db) => {
      const written = db.$with('written').as(db.select().from(posts))
      return db
        .with(written)
        .select()
        .from(users)
        .leftJoin(written, eq(written.userId, users.id))
        .$withCache()
    },
    'a subquery in SELECT': (db) =>
      db
        .select({ id: users.id, count: db.$count(posts, eq(posts.userId, users.id)) })
        .from(users)
        .$withCache(),
    'a relation': (db, cache) => cache.read(db.query.users.findMany({ with: { posts: true } })),
    'raw SQL in a query': (db) =>
      db
        .select({ titles: sql`(select string_agg(title, ',') from posts)` })
        .from(users)
        .$withCache(),
  }

  it.each(Object.keys(queries))('%s changes with the table', async (name) => {
    const select = watch(/^(select|with)/)
    const [here, there] = [bench.open({ hook: select.hook }), bench.open()]
    const read = () => queries[name]!(here.db, here.cache)
    const first = await read()
    const before = select.queries
    await there.db.update(counters).set({ value: 1 })
    expect(await read()).toEqual(first)
    expect(select.queries).toBe(before) // Another table does not matter.

    await there.db.insert(posts).values({ id: 3, userId: 3, title: 'types' })
    const second = await read()
    expect(select.queries).toBe(before + 1)
    expect(second).not.toEqual(first)
    await there.db.delete(posts).where(eq(posts.id, 3))
    expect(await read()).toEqual(first)
    expect(select.queries).toBe(before + 2)
  })

  const writes: Record<string, (db: Db) => Promise<unknown>> = {
    update: (db) => db.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1)),
    insert: (db) => db.insert(users).values({ id: 4, name: 'Margaret' }),
    upsert: (db) =>
      db
        .insert(users)
        .values({ id: 1, name: 'Lovelace' })
        .onConflictDoUpdate({ target: users.id, set: { name: 'Lovelace' } }),
    delete: (db) => db.delete(users).where(eq(users.id, 3)),
    'update … from': (db) =>
      db.update(users).set({ name: posts.title }).from(posts).where(eq(posts.userId, users.id)),
    'update … returning': (db) =>
      db
        .update(users)
        .set({ name: sql`name || '!'` })
        .returning(),
    'a prepared update': (db) =>
      db.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1)).prepare('rename').execute(),
    'a CTE that writes': (db) => {
      const renamed = db
        .$with('renamed')
        .as(db.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1)).returning())
      return db.with(renamed).select().from(renamed)
    },
    'a CTE that writes another table': (db) => {
      const renamed = db
        .$with('renamed')
        .as(db.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1)).returning())
      return db.with(renamed).insert(counters).values({ id: 9, value: 9 })
    },
  }

  it.each(Object.keys(writes))('%s makes rows invalid in other processes', async (name) => {
    const [here, there] = [bench.open(), bench.open()]
    const read = () => here.db.select().from(users).orderBy(users.id).$withCache()
    const before = await read()
    await writes[name]!(there.db)
    const after = await read()
    expect(after).not.toEqual(before)
    expect(after).toEqual(await here.db.select().from(users).orderBy(users.id))
  })

  it('a view changes with its tables, a materialized one when it is refreshed', async () => {
    const { db } = bench.open()
    const read = async () => [
      (await db.select().from(longNames).$withCache()).length,
      (await db.select().from(userCount).$withCache())[0]!.count,
    ]
    expect(await read()).toEqual([1, 3])
    await db.insert(users).values({ id: 4, name: 'Margaret' })
    expect(await read()).toEqual([2, 3])
    await db.refreshMaterializedView(userCount)
    expect(await read()).toEqual([2, 4])
  })

  it('rows that a foreign key deletes are invalid', async () => {
    const { db } = bench.open()
    const read = () => db.select().from(posts).$withCache()
    expect(await read()).toHaveLength(2)
    await db.delete(users).where(eq(users.id, 1))
    expect(await read()).toHaveLength(1)
  })

  it('rows that a trigger writes are invalid with dependents', async () => {
    const { db } = bench.open({ dependents: { posts: ['log'] } })
    const read = () => db.select().from(log).$withCache()
    expect(await read()).toHaveLength(2)
    await db.insert(posts).values({ id: 3, userId: 1, title: 'notes' })
    expect(await read()).toHaveLength(3)
  })

  it('raw SQL changes rows within mutate(), or before invalidate()', async () => {
    const { db, cache } = bench.open()
    const name = async () =>
      (await db.select().from(users).where(eq(users.id, 1)).$withCache())[0]!.name
    expect(await name()).toBe('Ada')
    await db.execute(sql`update users set name = 'A' where id = 1`)
    expect(await name()).toBe('Ada') // Nothing is known about raw SQL.
    await db.$cache.invalidate({ tables: users })
    expect(await name()).toBe('A')
    await cache.mutate([users], () => db.execute(sql`update users set name = 'B' where id = 1`))
    expect(await name()).toBe('B')
    await using change = await cache.beginMutation('users')
    await bench.database.run(`update users set name = 'C' where id = 1`)
    await change.commit()
    expect(await name()).toBe('C')
  })

  it('a cache of @cache/versioning becomes invalid with a table', async () => {
    const client = bench.newClient()
    const { db, cache } = bench.open({ client })
    let loads = 0
    const report = createVersioned<number, string>({
      client: bench.newClient(),
      prefix: 'report',
      ttl: '1h',
      load: () => ++loads,
      groups: () => [cache.groupOf(users)],
    })
    for (let i = 0; i < 2; i++) expect(await report.get('names')).toBe(1)
    await db.transaction(async (tx) => {
      await tx.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1))
    })
    expect(await report.get('names')).toBe(2)
  })

  it('raw SQL is never cached', async () => {
    const select = watch(/^select/)
    const { db } = bench.open({ hook: select.hook, strategy: 'all' })
    for (let i = 0; i < 2; i++) await db.execute(sql`select 1 from users`)
    expect(select.queries).toBe(2)
  })

  it('a query of tables that are not in the option is not cached', async () => {
    const select = watch(/^select/)
    const { db } = bench.open({ hook: select.hook, tables: { counters } })
    for (let i = 0; i < 2; i++) await db.select().from(longNames).$withCache()
    expect(select.queries).toBe(2)
    expect(
      createDrizzleCache({ client: bench.newClient(), tables: { users }, ttl: 1 }).groupOf(users),
    ).toBe('sql.table.users')
  })
})
