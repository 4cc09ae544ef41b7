import { expect, it } from 'vitest'
import { deferred, onEachClient, watch, type Cache, type Db, type Queries } from './cases.js'
import type { Hook } from './database.js'

const nameOf = async (db: Queries, id = 1) =>
  (await db.$withCache().user.findUnique({ where: { id } }))?.name

const rename = (db: Queries, name: string) => db.user.update({ where: { id: 1 }, data: { name } })

onEachClient('prisma_races', (bench) => {
  const ways: Record<string, (db: Db, name: string, cache: Cache) => Promise<unknown>> = {
    'an operation': rename,
    'a nested write': (db, name) =>
      db.post.update({ where: { id: 1 }, data: { author: { update: { name } } } }),
    'a transaction': (db, name) => db.$transaction((tx) => rename(tx, name)),
    'a batch': (db, name) =>
      db.$transaction([rename(db, name), db.counter.updateMany({ data: { value: 1 } })]),
    'raw SQL in mutate()': (db, name, cache) =>
      cache.mutate('User', () => db.$executeRaw`update users set name = ${name} where id = 1`),
  }

  it.each(Object.keys(ways))(
    'rows that were read before %s, and arrive after it, are neither stored nor shared',
    async (way) => {
      const select = watch(/^select .*"users"/i)
      const [reader, writer, third] = [
        bench.open({ hook: select.hook }),
        bench.open(),
        bench.open({ waitFor: '20ms' }), // It does not wait for the reader's load.
      ]
      for (let round = 0; round < 5; round++) {
        const { answered, release } = select.hold()
        const late = nameOf(reader.db)
        await answered // The reader's database has answered with the old name.
        await ways[way]!(writer.db, `name ${round}`, writer.cache)
        // A caller that comes after the write does not get the rows of the load that is under way.
        const joined = nameOf(reader.db)
        expect(await nameOf(third.db)).toBe(`name ${round}`)
        release()
        await late
        expect(await joined).toBe(`name ${round}`)
        for (const { db } of [reader, writer, third]) expect(await nameOf(db)).toBe(`name ${round}`)
        // The next round begins without an entry.
        await writer.cache.invalidate({ models: 'User' })
      }
    },
  )

  it('a read does not join one that ignores writes', async () => {
    const select = watch(/^select .*"users"/i)
    const [reader, writer] = [bench.open({ hook: select.hook }), bench.open()]
    const { answered, release } = select.hold()
    const find = async (autoInvalidate: boolean) =>
      reader.db.$withCache({ autoInvalidate }).user.findUnique({ where: { id: 1 } })
    const late = find(false)
    await answered // The database has answered with the old name.
    await rename(writer.db, 'Lovelace')
    const later = find(true)
    await new Promise((resolve) => setTimeout(resolve, 200)) // It waits, if it joins.
    release()
    expect((await late)?.name).toBe('Ada')
    expect((await later)?.name).toBe('Lovelace')
    expect((await find(true))?.name).toBe('Lovelace')
  })

  it.each(['an operation', 'a transaction', 'a batch'])(
    'results that are cached while %s commits are invalid when it is acknowledged',
    async (way) => {
      const [reading, written] = [deferred(), deferred()]
      const end = way === 'an operation' ? /^update/i : /^commit/i
      const hook: Hook = async (text, run) => {
        if (!end.test(text)) return run()
        written.resolve() // Redis knows about the write, and the database has not committed.
        await reading.promise
        return run()
      }
      const [reader, writer] = [bench.open({ hook: oldRows }), bench.open({ hook })]
      const writing = ways[way]!(writer.db, 'Lovelace', writer.cache).then(() => undefined)
      await written.promise
      expect(await nameOf(reader.db)).toBe('Ada')
      expect(await nameOf(reader.db)).toBe('Ada')
      reading.resolve()
      await writing
      const other = bench.open()
      expect(await nameOf(other.db)).toBe('Lovelace')
    },
  )

  /** Answers like a database in which the transaction of another connection is open. */
  const oldRows: Hook = async (text, run) =>
    /^select .*"users"/i.test(text)
      ? {
          columnNames: ['id', 'name', 'managerId'],
          columnTypes: [0, 7, 0],
          rows: [[1, 'Ada', null]],
        }
      : run()

  it('8 writers and 8 readers: no value is older than an acknowledged write', async () => {
    const [rounds, rows] = [process.env.CHAOS ? 200 : 12, 8]
    const processes = Array.from({ length: 4 }, () => bench.open())
    const acknowledged = new Map<number, number>()
    const failures: string[] = []
    let writing = rows
    let reads = 0
    const rollBack = (db: Db, id: number) =>
      db
        .$transaction(async (tx) => {
          await tx.counter.update({ where: { id }, data: { value: -1 } })
          await tx.$withCache().counter.findUnique({ where: { id } })
          throw new Error('rolled back')
        })
        .catch(() => undefined)
    const change: ((db: Db, id: number, value: number) => Promise<unknown>)[] = [
      (db, id, value) => db.counter.update({ where: { id }, data: { value } }),
      (db, id, value) =>
        db.$transaction((tx) => tx.counter.update({ where: { id }, data: { value } })),
      (db, id, value) =>
        db.$transaction([
          db.counter.update({ where: { id }, data: { value: -1 } }),
          db.counter.updateMany({ where: { id }, data: { value } }),
        ]),
      (db, id, value) =>
        db.counter.upsert({ where: { id }, update: { value }, create: { id, value } }),
    ]
    const write = async (id: number) => {
      for (let round = 1; round <= rounds; round++) {
        const { db } = processes[(id + round) % processes.length]!
        if (round % 4 === 0) await rollBack(db, id)
        await change[round % change.length]!(db, id, round)
        acknowledged.set(id, round)
      }
      writing--
    }
    const read = async (reader: number) => {
      const { db } = processes[reader % processes.length]!
      for (let i = reader; writing > 0; i++) {
        const id = 1 + (i % rows)
        const least = acknowledged.get(id) ?? 0
        const row = await db.$withCache().counter.findUniqueOrThrow({ where: { id } })
        reads++
        if (row.value < least) failures.push(`${id}: ${row.value} after ${least}`)
      }
    }
    await Promise.all(Array.from({ length: rows }, (_, i) => [write(i + 1), read(i)]).flat())
    expect(failures).toEqual([])
    for (const { db } of processes) {
      for (let id = 1; id <= rows; id++) {
        const row = await db.$withCache().counter.findUnique({ where: { id } })
        expect(row).toEqual({ id, value: rounds })
      }
    }
    // Results did come from the cache.
    const hits = processes.reduce((sum, { cache }) => sum + cache.stats().hits, 0)
    expect(hits).toBeGreaterThan(0)
    expect(reads).toBeGreaterThan(0)
  })

  it('8 writers of nested writes and 8 readers of relations: nothing is stale', async () => {
    const rounds = process.env.CHAOS ? 100 : 6
    const processes = Array.from({ length: 4 }, () => bench.open())
    const writers = 8
    await bench.database.run(
      `insert into users select 10 + id, 'user ' || id from generate_series(1, 8) as id`,
    )
    const acknowledged = new Map<number, number>()
    const failures: string[] = []
    let writing = writers
    const write = async (writer: number) => {
      for (let round = 1; round <= rounds; round++) {
        const { db } = processes[(writer + round) % processes.length]!
        const id = 1000 * writer + round
        await db.user.update({
          where: { id: 10 + writer },
          data: {
            posts: {
              create: { id, title: 'new', tags: { connect: { id: 1 + (round % 2) } } },
            },
          },
        })
        acknowledged.set(writer, round)
      }
      writing--
    }
    const read = async (reader: number) => {
      const { db } = processes[reader % processes.length]!
      for (let i = reader; writing > 0; i++) {
        const writer = 1 + (i % writers)
        const least = acknowledged.get(writer) ?? 0
        const user = await db.$withCache().user.findUniqueOrThrow({
          where: { id: 10 + writer },
          include: { posts: { include: { tags: true } } },
        })
        if (user.posts.length < least) failures.push(`${user.posts.length} after ${least}`)
        if (user.posts.some(({ tags }) => tags.length === 0)) failures.push('a half of a write')
      }
    }
    await Promise.all(Array.from({ length: writers }, (_, i) => [write(i + 1), read(i)]).flat())
    expect(failures).toEqual([])
  })
})
