import { eq, sql } from 'drizzle-orm'
import pg from 'pg'
import { afterEach, expect, it } from 'vitest'
import { UsageError } from '../src/index.js'
import { deferred, onEachClient, watch, type Bench } from './cases.js'
import { posts, users } from './schema.js'

type Db = ReturnType<Bench['open']>['db']

const namesOf = async (db: Pick<Db, 'select'>) =>
  (await db.select().from(users).orderBy(users.id).$withCache()).map(({ name }) => name)

const NAMES = ['Ada', 'Grace', 'Barbara']

onEachClient('drizzle_transactions', (bench) => {
  const ends: (() => unknown)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
  })

  it('a commit makes the rows of all its tables invalid', async () => {
    const [here, there] = [bench.open(), bench.open()]
    const titles = () => here.db.select({ title: posts.title }).from(posts).$withCache()
    expect(await namesOf(here.db)).toEqual(NAMES)
    expect(await titles()).toHaveLength(2)
    const result = await there.db.transaction(async (tx) => {
      await tx.insert(users).values({ id: 4, name: 'Margaret' })
      await tx.transaction(async (savepoint) => {
        await savepoint.insert(posts).values({ id: 3, userId: 4, title: 'guidance' })
      })
      return 'done'
    })
    expect(result).toBe('done')
    expect(await namesOf(here.db)).toEqual([...NAMES, 'Margaret'])
    expect(await titles()).toHaveLength(3)
  })

  it('a transaction reads nothing from the cache, and stores nothing in it', async () => {
    const [here, there] = [bench.open(), bench.open()]
    expect(await namesOf(here.db)).toEqual(NAMES)
    await there.db
      .transaction(async (tx) => {
        await tx.update(users).set({ name: 'nobody' })
        expect(await namesOf(tx)).toEqual(['nobody', 'nobody', 'nobody'])
        const relational = await there.cache.read(tx.query.users.findMany())
        expect(relational.map(({ name }) => name)).toEqual(['nobody', 'nobody', 'nobody'])
        tx.rollback()
      })
      .catch(() => undefined)
    expect(await namesOf(here.db)).toEqual(NAMES)
    expect(await namesOf(there.db)).toEqual(NAMES)
  })

  it('a transaction that only reads keeps what is cached', async () => {
    const select = watch(/^select/)
    const { db } = bench.open({ hook: select.hook })
    await namesOf(db)
    await db.transaction((tx) => namesOf(tx), { accessMode: 'read only' })
    await namesOf(db)
    expect(select.queries).toBe(2)
  })

  it('a commit that the database refuses leaves no value that never existed', async () => {
    const [here, there] = [bench.open(), bench.open()]
    expect(await namesOf(here.db)).toEqual(NAMES)
    const renaming = there.db.transaction(async (tx) => {
      await tx.update(users).set({ name: 'Grace' }).where(eq(users.id, 1)) // The name is taken.
    })
    await expect(renaming).rejects.toThrow()
    expect(await namesOf(here.db)).toEqual(NAMES)
  })

  it('a savepoint that is rolled back makes nothing stale', async () => {
    const [here, there] = [bench.open(), bench.open()]
    expect(await namesOf(here.db)).toEqual(NAMES)
    await there.db.transaction(async (tx) => {
      await tx
        .transaction(async (savepoint) => {
          await savepoint.update(users).set({ name: 'nobody' })
          savepoint.rollback()
        })
        .catch(() => undefined)
      await tx.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1))
    })
    expect(await namesOf(here.db)).toEqual(['Lovelace', 'Grace', 'Barbara'])
  })

  it('tx.$cache.invalidate announces raw SQL, also in a savepoint', async () => {
    const [here, there] = [bench.open(), bench.open()]
    for (const depth of ['transaction', 'savepoint'] as const) {
      await namesOf(here.db)
      await there.db.transaction(async (tx) => {
        const work = async (inner: Pick<typeof tx, 'execute' | '$cache'>) => {
          await inner.$cache.invalidate({ tables: users })
          await inner.execute(sql`update users set name = ${depth} where id = 1`)
        }
        await (depth === 'savepoint' ? tx.transaction(work) : work(tx))
      })
      expect(await namesOf(here.db)).toEqual([depth, 'Grace', 'Barbara'])
    }
  })

  it('a statement that nobody awaits is announced before the commit', async () => {
    const [here, there] = [bench.open(), bench.open()]
    await namesOf(here.db)
    let update: Promise<unknown> | undefined
    await there.db.transaction(async (tx) => {
      update = tx.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1)).execute()
    })
    await update
    expect(await namesOf(here.db)).toEqual(['Lovelace', 'Grace', 'Barbara'])
  })

  it('statements of a transaction are sent in the order of their calls', async () => {
    const { db } = bench.open()
    for (let id = 10; id < 30; id++) {
      const [, , rows] = await db.transaction((tx) =>
        Promise.all([
          tx.insert(users).values({ id, name: `user ${id}` }),
          tx.insert(posts).values({ id, userId: id, title: 'needs the user' }),
          tx.select().from(posts).where(eq(posts.id, id)),
        ]),
      )
      expect(rows).toHaveLength(1)
    }
  })

  it('a statement that nobody awaits is rolled back with its transaction', async () => {
    const { embedded } = bench.database
    const { db } = bench.open(embedded ? { connection: embedded } : {})
    for (let i = 0; i < 10; i++) {
      const results: Promise<unknown>[] = []
      await db
        .transaction(async (tx) => {
          await tx
            .transaction(async (savepoint) => {
              results.push(savepoint.insert(posts).values({ id: 9, title: 'lost' }).execute())
              savepoint.rollback()
            })
            .catch(() => undefined)
          results.push(tx.update(users).set({ name: 'nobody' }).execute())
          tx.rollback()
        })
        .catch(() => undefined)
      await Promise.allSettled(results)
      expect(await namesOf(db)).toEqual(NAMES)
      expect(await db.select().from(posts)).toHaveLength(2)
    }
  })

  it('a write on a transaction that has ended is refused', async () => {
    const { db } = bench.open()
    let ended: Pick<Db, 'update'> = db
    await db.transaction(async (tx) => {
      ended = tx
    })
    await expect(ended.update(users).set({ name: 'nobody' })).rejects.toThrow(UsageError)
    expect(await namesOf(db)).toEqual(NAMES)
  })

  it('a write outside a transaction is acknowledged by itself while one is open', async () => {
    const [here, there] = [bench.open(), bench.open()]
    const titles = async () =>
      (await here.db.select().from(posts).$withCache()).map(({ title }) => title)
    await titles()
    if (process.env.DATABASE_URL === undefined) return // The embedded Postgres would wait for ever.
    await there.db.transaction(async (tx) => {
      await tx.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1))
      await there.db.update(posts).set({ title: 'notes' })
      expect(await titles()).toEqual(['notes', 'notes'])
      expect(await namesOf(here.db)).toEqual(NAMES)
    })
    expect(await namesOf(here.db)).toEqual(['Lovelace', 'Grace', 'Barbara'])
  })

  it.each(['a statement', 'a transaction'])(
    'if a process dies after %s has committed, old rows live for intentTtl at most',
    async (way) => {
      const end = way === 'a statement' ? /^update/ : /^commit/
      const [committed, forever] = [deferred(), deferred()]
      const dying = bench.open({
        intentTtl: '1s',
        hook: async (text, run) => {
          const answer = await run()
          if (end.test(text)) {
            committed.resolve()
            await forever.promise // The process does nothing any more.
          }
          return answer
        },
      })
      const here = bench.open()
      expect(await namesOf(here.db)).toEqual(NAMES)
      const change = async (db: Pick<Db, 'update'>): Promise<unknown> =>
        db.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1))
      const dead =
        way === 'a statement' ? change(dying.db) : dying.db.transaction((tx) => change(tx))
      await committed.promise
      await expect.poll(() => namesOf(here.db)).toContain('Lovelace')
      forever.resolve()
      await dead
    },
  )

  it('a transaction on a single connection, without a pool, is exact too', async () => {
    const here = bench.open()
    const connection = await bench.database.connect()
    ends.push(() => connection.end())
    expect(connection).toBeInstanceOf(pg.Client)
    const there = bench.open({ connection })
    await namesOf(here.db)
    await there.db.transaction(async (tx) => {
      await tx.update(users).set({ name: 'Lovelace' }).where(eq(users.id, 1))
      expect(await namesOf(tx)).toContain('Lovelace')
      expect(await namesOf(there.db)).toContain('Lovelace') // It is the same connection.
    })
    expect((await namesOf(here.db))[0]).toBe('Lovelace')
    await there.db
      .transaction(async (tx) => {
        await tx.update(users).set({ name: 'nobody' })
        await namesOf(there.db)
        tx.rollback()
      })
      .catch(() => undefined)
    for (const { db } of [here, there]) expect(await namesOf(db)).not.toContain('nobody')
  })
})
