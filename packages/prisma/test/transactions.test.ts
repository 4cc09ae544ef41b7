import { expect, it } from 'vitest'
import { UsageError } from '../src/index.js'
import { deferred, onEachClient, watch, type Db, type Queries } from './cases.js'
import { Prisma } from './generated/client.js'

const namesOf = async (db: Queries) =>
  (await db.$withCache().user.findMany({ orderBy: { id: 'asc' } })).map(({ name }) => name)

const titlesOf = async (db: Queries) =>
  (await db.$withCache().post.findMany({ orderBy: { id: 'asc' } })).map(titleOf)

const titleOf = ({ title }: { title: string }) => title

const rename = (db: Queries, name: string) => db.user.update({ where: { id: 1 }, data: { name } })

const NAMES = ['Ada', 'Grace', 'Barbara']
const refuse = new Error('rolled back')

onEachClient('prisma_transactions', (bench) => {
  it.each(['ReadCommitted', 'RepeatableRead', 'Serializable'] as const)(
    'a commit makes the results of all its models invalid: %s',
    async (isolationLevel) => {
      const [here, there] = [bench.open(), bench.open()]
      expect(await namesOf(here.db)).toEqual(NAMES)
      expect(await titlesOf(here.db)).toHaveLength(2)
      const result = await there.db.$transaction(
        async (tx) => {
          await tx.user.create({ data: { id: 4, name: 'Margaret' } })
          await tx.user.update({
            where: { id: 4 },
            data: { posts: { create: { id: 3, title: 'guidance' } } },
          })
          return 'done'
        },
        { isolationLevel },
      )
      expect(result).toBe('done')
      expect(await namesOf(here.db)).toEqual([...NAMES, 'Margaret'])
      expect(await titlesOf(here.db)).toHaveLength(3)

      const results = await there.db.$transaction(
        [
          there.db.post.delete({ where: { id: 3 } }),
          there.db.user.delete({ where: { id: 4 } }),
          there.db.$withCache().user.count(),
        ],
        { isolationLevel },
      )
      expect(results[2]).toBe(3)
      expect(await namesOf(here.db)).toEqual(NAMES)
      expect(await titlesOf(here.db)).toHaveLength(2)
    },
  )

  it('a transaction reads nothing from the cache, and stores nothing in it', async () => {
    const [here, there] = [bench.open(), bench.open({ strategy: 'all' })]
    expect(await namesOf(here.db)).toEqual(NAMES)
    const changing = there.db.$transaction(async (tx) => {
      await tx.user.update({ where: { id: 1 }, data: { name: 'nobody' } })
      expect(await namesOf(tx)).toEqual(['nobody', 'Grace', 'Barbara'])
      expect(await tx.user.findUnique({ where: { id: 1 } })).toMatchObject({ name: 'nobody' })
      throw refuse
    })
    await expect(changing).rejects.toBe(refuse)
    expect(await namesOf(here.db)).toEqual(NAMES)
    expect(await namesOf(there.db)).toEqual(NAMES)
  })

  it('reads of a batch see its writes, and are not cached', async () => {
    const [here, there] = [bench.open(), bench.open()]
    expect(await namesOf(here.db)).toEqual(NAMES)
    const { db } = there
    const batch = db.$transaction([
      db.user.update({ where: { id: 1 }, data: { name: 'nobody' } }),
      db.$withCache().user.findMany({ orderBy: { id: 'asc' } }),
      db.user.update({ where: { id: 2 }, data: { name: 'Barbara' } }), // The name is taken.
    ])
    await expect(batch).rejects.toMatchObject({ code: 'P2002' })
    expect(await namesOf(here.db)).toEqual(NAMES)
    const [, users] = await db.$transaction([
      db.user.update({ where: { id: 1 }, data: { name: 'Lovelace' } }),
      db.$withCache().user.findMany({ orderBy: { id: 'asc' } }),
    ])
    expect(users[0]!.name).toBe('Lovelace')
    expect((await namesOf(here.db))[0]).toBe('Lovelace')
  })

  it('a transaction that only reads keeps what is cached', async () => {
    const select = watch(/^select/i)
    const { db } = bench.open({ hook: select.hook })
    await namesOf(db)
    await db.$transaction((tx) => namesOf(tx))
    await db.$transaction([db.$withCache().user.findMany()])
    await namesOf(db)
    expect(select.queries).toBe(3)
  })

  it('a write that fails in the database leaves no value that never existed', async () => {
    const [here, there] = [bench.open(), bench.open()]
    expect(await namesOf(here.db)).toEqual(NAMES)
    await expect(rename(there.db, 'Grace')).rejects.toMatchObject({ code: 'P2002' })
    await expect(
      there.db.post.update({
        where: { id: 1 },
        data: { title: 'nested', author: { update: { name: 'Grace' } } },
      }),
    ).rejects.toMatchObject({ code: 'P2002' })
    const changing = there.db.$transaction(async (tx) => {
      await rename(tx, 'nobody')
      await tx.user.update({ where: { id: 3 }, data: { name: 'Grace' } })
    })
    await expect(changing).rejects.toMatchObject({ code: 'P2002' })
    expect(await namesOf(here.db)).toEqual(NAMES)
    expect(await titlesOf(here.db)).toEqual(['engines', 'compilers'])
  })

  it('a batch with an operation that Prisma refuses ends at once', async () => {
    const [here, there] = [bench.open(), bench.open({ intentTtl: '10m' })]
    await namesOf(here.db)
    const wrong = { where: { id: 1 }, data: { unknown: 1 } } as never
    const batch = there.db.$transaction([rename(there.db, 'nobody'), there.db.user.update(wrong)])
    await expect(batch).rejects.toThrow(Prisma.PrismaClientValidationError)
    // No mutation is left open: results are cached again.
    await namesOf(here.db)
    const before = here.cache.stats().hits
    expect(await namesOf(here.db)).toEqual(NAMES)
    expect(here.cache.stats().hits).toBe(before + 1)
  })

  it('a batch with something else than an operation ends at once', async () => {
    const [here, there] = [bench.open(), bench.open({ intentTtl: '10m' })]
    const other = Promise.resolve() as never
    const batch = there.db.$transaction([rename(there.db, 'nobody'), other])
    await expect(batch).rejects.toThrow(/Prisma Client promises/)
    await namesOf(here.db)
    const before = here.cache.stats().hits
    expect(await namesOf(here.db)).toEqual(NAMES)
    expect(here.cache.stats().hits).toBe(before + 1)
  })

  it('a transaction that times out is rolled back, and nothing is stale after it', async () => {
    const [here, there] = [bench.open(), bench.open()]
    expect(await namesOf(here.db)).toEqual(NAMES)
    const late = there.db.$transaction(
      async (tx) => {
        await rename(tx, 'nobody')
        await new Promise((resolve) => setTimeout(resolve, 400))
        await tx.post.updateMany({ data: { title: 'late' } })
      },
      { timeout: 200 },
    )
    await expect(late).rejects.toMatchObject({ code: 'P2028' })
    expect(await namesOf(here.db)).toEqual(NAMES)
    expect(await titlesOf(here.db)).toEqual(['engines', 'compilers'])
    await rename(there.db, 'Lovelace')
    expect((await namesOf(here.db))[0]).toBe('Lovelace')
  })

  it('a nested transaction is a part of the outer one', async () => {
    const [here, there] = [bench.open(), bench.open()]
    await namesOf(here.db)
    await there.db.$transaction(async (tx) => {
      await rename(tx, 'Lovelace')
      if (!('$transaction' in tx)) return // Prisma 6 has none.
      await tx.$transaction((inner) => inner.post.updateMany({ data: { title: 'nested' } }))
      const refused = tx.$transaction(async (inner) => {
        await inner.post.updateMany({ data: { title: 'nobody' } })
        throw refuse
      })
      await expect(refused).rejects.toBe(refuse)
    })
    expect((await namesOf(here.db))[0]).toBe('Lovelace')
    expect(await titlesOf(here.db)).not.toContain('nobody')
    expect(await titlesOf(here.db)).toEqual((await there.db.post.findMany()).map(titleOf))
  })

  it('tx.$invalidate announces raw SQL', async () => {
    const [here, there] = [bench.open(), bench.open()]
    await namesOf(here.db)
    await there.db.$transaction(async (tx) => {
      await tx.$invalidate({ models: 'User' })
      await tx.$executeRaw`update users set name = 'Lovelace' where id = 1`
    })
    expect((await namesOf(here.db))[0]).toBe('Lovelace')
  })

  it('an operation that nobody awaits is announced before the commit', async () => {
    const [here, there] = [bench.open(), bench.open()]
    await namesOf(here.db)
    let update: Promise<unknown> | undefined
    await there.db.$transaction(async (tx) => {
      update = rename(tx, 'Lovelace').then((user) => user)
    })
    await update
    expect((await namesOf(here.db))[0]).toBe('Lovelace')
  })

  it('operations of a transaction are sent in the order of their calls', async () => {
    const { db } = bench.open()
    for (let id = 10; id < 30; id++) {
      const [, , rows, count] = await db.$transaction((tx) =>
        Promise.all([
          tx.user.create({ data: { id, name: `user ${id}` } }),
          tx.post.create({ data: { id, authorId: id, title: 'needs the user' } }),
          tx.post.findMany({ where: { id } }),
          tx.$queryRaw<{ n: number }[]>`select count(*)::int as n from posts where id = ${id}`,
        ]),
      )
      expect(rows).toHaveLength(1)
      expect(count).toEqual([{ n: 1 }])
    }
  })

  it('a write in a transaction that has ended is refused', async () => {
    const { db } = bench.open()
    let ended: Queries = db
    await db.$transaction(async (tx) => {
      ended = tx as Queries
    })
    await expect(rename(ended, 'nobody')).rejects.toThrow(UsageError)
    await expect(ended.$invalidate({ models: 'User' })).rejects.toThrow(UsageError)
    expect(await namesOf(db)).toEqual(NAMES)
  })

  it('a write outside a transaction is acknowledged by itself while one is open', async () => {
    const [here, there] = [bench.open(), bench.open()]
    await titlesOf(here.db)
    if (bench.database.isEmbedded) return // Its only connection is in the transaction.
    await there.db.$transaction(async (tx) => {
      await rename(tx, 'Lovelace')
      await there.db.post.updateMany({ data: { title: 'notes' } })
      expect(await titlesOf(here.db)).toEqual(['notes', 'notes'])
      expect(await titlesOf(there.db)).toEqual(['notes', 'notes'])
      expect(await namesOf(here.db)).toEqual(NAMES)
      expect(await namesOf(there.db)).toEqual(NAMES)
    })
    expect(await namesOf(here.db)).toEqual(['Lovelace', 'Grace', 'Barbara'])
  })

  it('a batch that the hook of an extension makes of a write is exact too', async () => {
    const here = bench.open()
    const { cache } = bench.open({ client: bench.newClient() })
    const base = bench.newPrisma()
    // As for row-level security.
    const there = base
      .$extends({
        query: {
          async $allOperations({ args, query }) {
            const [, result] = await base.$transaction([
              base.$queryRaw`select set_config('app.tenant', '1', true)`,
              query(args),
            ])
            return result as unknown
          },
        },
      })
      .$extends(cache.extension)
    await namesOf(here.db)
    await there.user.update({ where: { id: 1 }, data: { name: 'Lovelace' } })
    expect((await namesOf(here.db))[0]).toBe('Lovelace')
    expect(await there.$withCache().user.count()).toBe(3)
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 0 })
  })

  it('extensions after the cache are in its transactions', async () => {
    const here = bench.open()
    const there = bench.open().db.$extends({
      model: {
        user: {
          rename(this: unknown, id: number, name: string) {
            const users = Prisma.getExtensionContext(this) as Db['user']
            return users.update({ where: { id }, data: { name } })
          },
        },
      },
    })
    await namesOf(here.db)
    await there.$transaction(async (tx) => {
      await tx.user.rename(1, 'Lovelace')
    })
    await there.$transaction([there.user.rename(2, 'Hopper')])
    expect(await namesOf(here.db)).toEqual(['Lovelace', 'Hopper', 'Barbara'])
  })

  it.each(['an operation', 'a transaction', 'a batch'])(
    'if a process dies after %s has committed, old results live for a limited time',
    async (way) => {
      const end = way === 'an operation' ? /^update/i : /^commit/i
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
      const { db } = dying
      const dead =
        way === 'an operation'
          ? rename(db, 'Lovelace').then(() => undefined)
          : way === 'a batch'
            ? db.$transaction([
                rename(db, 'Lovelace'),
                db.post.updateMany({ data: { title: 'x' } }),
              ])
            : db.$transaction((tx) => rename(tx, 'Lovelace'), { timeout: 5_000 })
      await committed.promise
      if (bench.database.isEmbedded && way !== 'an operation') {
        // The only connection stays with the transaction.
        forever.resolve()
        await dead
        expect(await namesOf(here.db)).toContain('Lovelace')
        return
      }
      await expect.poll(() => namesOf(here.db)).toContain('Lovelace')
      forever.resolve()
      await dead
    },
  )
})
