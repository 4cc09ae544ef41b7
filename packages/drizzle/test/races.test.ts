import { eq, sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { deferred, onEachClient, watch, type Bench } from './cases.js'
import type { Hook } from './database.js'
import { counters, users } from './schema.js'

type Db = ReturnType<Bench['open']>['db']

const nameOf = async (db: Db, id = 1) =>
  (await db.select().from(users).where(eq(users.id, id)).$withCache())[0]?.name

const rename = async (db: Pick<Db, 'update'>, name: string): Promise<unknown> =>
  db.update(users).set({ name }).where(eq(users.id, 1))

onEachClient('drizzle_races', (bench) => {
  const ways: Record<string, (db: Db, name: string) => Promise<unknown>> = {
    'a statement': rename,
    'a transaction': (db, name) => db.transaction((tx) => rename(tx, name)),
    'raw SQL in mutate()': (db, name) =>
      cacheOf(db).mutate(users, () =>
        db.execute(sql`update users set name = ${name} where id = 1`),
      ),
  }
  const cacheOf = (db: Db) => db.$cache as unknown as ReturnType<Bench['open']>['cache']

  it.each(Object.keys(ways))(
    'rows that were read before %s, and arrive after it, are neither stored nor shared',
    async (way) => {
      const select = watch(/^select .*"users"/)
      const [reader, writer, third] = [
        bench.open({ hook: select.hook }),
        bench.open(),
        bench.open({ waitFor: '20ms' }), // It does not wait for the reader's load.
      ]
      for (let round = 0; round < 5; round++) {
        const { answered, release } = select.hold()
        const late = nameOf(reader.db)
        await answered // The reader's database has answered with the old name.
        await ways[way]!(writer.db, `name ${round}`)
        // A caller that comes after the write does not get the rows of the load that is under way.
        const joined = nameOf(reader.db)
        expect(await nameOf(third.db)).toBe(`name ${round}`)
        release()
        await late
        expect(await joined).toBe(`name ${round}`)
        for (const { db } of [reader, writer, third]) expect(await nameOf(db)).toBe(`name ${round}`)
        // The next round begins without an entry.
        await cacheOf(writer.db).invalidate({ tables: users })
      }
    },
  )

  it('a read does not join one that ignores writes', async () => {
    const select = watch(/^select .*"users"/)
    const [reader, writer] = [bench.open({ hook: select.hook }), bench.open()]
    const { answered, release } = select.hold()
    const find = async (autoInvalidate: boolean) => {
      const query = reader.db.select().from(users).where(eq(users.id, 1))
      return (await query.$withCache({ autoInvalidate }))[0]?.name
    }
    const late = find(false)
    await answered // The database has answered with the old name.
    await rename(writer.db, 'Lovelace')
    const later = find(true)
    await new Promise((resolve) => setTimeout(resolve, 200)) // It waits, if it joins.
    release()
    expect(await late).toBe('Ada')
    expect(await later).toBe('Lovelace')
    expect(await find(true)).toBe('Lovelace')
  })

  it.each(['a statement', 'a transaction'])(
    'rows that are cached while %s commits are invalid when it is acknowledged',
    async (way) => {
      const [reading, written] = [deferred(), deferred()]
      const end = way === 'a statement' ? /^update/ : /^commit/
      const hook: Hook = async (text, run) => {
        if (!end.test(text)) return run()
        written.resolve() // Redis knows about the write, and the database has not committed.
        await reading.promise
        return run()
      }
      const [reader, writer] = [bench.open({ hook: oldRows }), bench.open({ hook })]
      await reader.db.select().from(users) // It has a connection.
      const writing = ways[way]!(writer.db, 'Lovelace')
      await written.promise
      // The embedded Postgres answers no query while a transaction is open.
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
    /^select .*"users"/.test(text) ? { rows: [[1, 'Ada']] } : run()

  it('8 writers and 8 readers: no value is older than an acknowledged write', async () => {
    const [rounds, tables] = [process.env.CHAOS ? 200 : 12, 8]
    const { embedded } = bench.database
    const processes = Array.from({ length: 4 }, () =>
      bench.open(embedded ? { connection: embedded } : {}),
    )
    const acknowledged = new Map<number, number>()
    const failures: string[] = []
    let writing = tables
    let reads = 0
    const write = async (id: number) => {
      for (let round = 1; round <= rounds; round++) {
        const { db } = processes[(id + round) % processes.length]!
        const change = db.update(counters).set({ value: round }).where(eq(counters.id, id))
        if (round % 4 === 0)
          await db
            .transaction(async (tx) => {
              await tx.update(counters).set({ value: -1 }).where(eq(counters.id, id))
              await tx.select().from(counters).where(eq(counters.id, id)).$withCache()
              tx.rollback()
            })
            .catch(() => undefined)
        if (round % 2 === 0) await change
        else
          await db.transaction(async (tx) => {
            await tx.update(counters).set({ value: round }).where(eq(counters.id, id))
          })
        acknowledged.set(id, round)
      }
      writing--
    }
    const read = async (reader: number) => {
      const { db } = processes[reader % processes.length]!
      for (let i = reader; writing > 0; i++) {
        const id = 1 + (i % tables)
        const least = acknowledged.get(id) ?? 0
        const [row] = await db.select().from(counters).where(eq(counters.id, id)).$withCache()
        reads++
        if (row!.value < least) failures.push(`${id}: ${row!.value} after ${least}`)
      }
    }
    const everyone = Array.from({ length: tables }, (_, i) => [write(i + 1), read(i)]).flat()
    await Promise.all(everyone)
    expect(failures).toEqual([])
    for (const { db } of processes) {
      for (let id = 1; id <= tables; id++) {
        const rows = await db.select().from(counters).where(eq(counters.id, id)).$withCache()
        expect(rows).toEqual([{ id, value: rounds }])
      }
    }
    // Rows did come from the cache.
    const hits = processes.reduce((sum, { cache }) => sum + cache.stats().hits, 0)
    expect(hits).toBeGreaterThan(0)
    expect(reads).toBeGreaterThan(0)
  })
})
