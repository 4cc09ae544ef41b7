import { eq } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { onEachClient, watch } from './cases.js'
import { posts, users } from './schema.js'

// What the class does in a database that was not passed to cachedDatabase().

onEachClient('drizzle_class', (bench) => {
  type Db = ReturnType<typeof bench.open>['db']
  const nameOf = async (db: Db) =>
    (await db.select().from(users).where(eq(users.id, 1)).$withCache())[0]?.name
  const rename = async (db: Pick<Db, 'update'>, name: string): Promise<unknown> =>
    db.update(users).set({ name }).where(eq(users.id, 1))

  it('caches rows, and a write makes them invalid for all processes', async () => {
    const select = watch(/^select/)
    const [here, there] = [
      bench.open({ wrapped: false, hook: select.hook }),
      bench.open({ wrapped: false, hook: select.hook }),
    ]
    for (const { db } of [here, there, here]) expect(await nameOf(db)).toBe('Ada')
    expect(select.queries).toBe(1)
    await rename(there.db, 'Lovelace')
    for (const { db } of [here, there, here]) expect(await nameOf(db)).toBe('Lovelace')
    await there.db.delete(users).where(eq(users.id, 1)) // deletes posts too
    expect(await here.db.select().from(posts).$withCache()).toHaveLength(1)
  })

  it('keeps rows by tag and by ttl', async () => {
    const { db } = bench.open({ wrapped: false })
    const read = () =>
      db
        .select()
        .from(users)
        .where(eq(users.id, 1))
        .$withCache({ tag: 'ada', autoInvalidate: false, config: { ex: 60 } })
    expect(await read()).toEqual([{ id: 1, name: 'Ada' }])
    await rename(db, 'Lovelace')
    expect(await read()).toEqual([{ id: 1, name: 'Ada' }])
    await db.$cache.invalidate({ tags: 'ada' })
    expect(await read()).toEqual([{ id: 1, name: 'Lovelace' }])
  })

  it('never stores rows that were read before an acknowledged write', async () => {
    const select = watch(/^select/)
    const [reader, writer] = [
      bench.open({ wrapped: false, hook: select.hook }),
      bench.open({ wrapped: false }),
    ]
    for (let round = 0; round < 5; round++) {
      const { answered, release } = select.hold()
      const late = nameOf(reader.db)
      await answered
      await rename(writer.db, `name ${round}`)
      release()
      await late
      for (const { db } of [reader, writer]) expect(await nameOf(db)).toBe(`name ${round}`)
      await writer.db.$cache.invalidate({ tables: users })
    }
  })

  it.each([
    ['of the same read', true],
    ['of a read that ignores writes', false],
  ])('never stores rows %s that arrive while a later read is under way', async (_, auto) => {
    const { cache } = bench.open({ wrapped: false })
    const tables = ['users']
    // As Drizzle calls it for two reads of one key, and the rows of the second come first.
    expect(await cache.get('query', tables, false, auto)).toBeUndefined()
    await cache.onMutate({ tables: users })
    expect(await cache.get('query', tables, false, true)).toBeUndefined()
    await cache.put('query', ['new'], tables)
    expect(await cache.get('query', tables, false, true)).toBeUndefined()
    await cache.put('query', ['old'], tables)
    expect(await cache.get('query', tables, false, true)).toBeUndefined()
    // Once all reads have ended, rows are stored again.
    await cache.put('query', ['new'], tables)
    await cache.put('query', ['new'], tables)
    expect(await cache.get('query', tables, false, true)).toBeUndefined()
    await cache.put('query', ['new'], tables)
    expect(await cache.get('query', tables, false, true)).toEqual(['new'])
  })

  it('never stores rows of a read that Redis did not answer', async () => {
    const clientOptions = { resilience: { readTimeout: 200, writeTimeout: 300 } }
    const { cache } = bench.open({ wrapped: false, clientOptions })
    const writer = bench.open({ wrapped: false })
    await bench.redis.pause()
    expect(await cache.get('query', ['users'], false)).toBeUndefined()
    await bench.redis.resume()
    await writer.cache.onMutate({ tables: users })
    expect(await cache.get('query', ['users'], false)).toBeUndefined()
    await cache.put('query', ['old'], ['users'])
    expect(await cache.get('query', ['users'], false)).toBeUndefined()
  })

  it('never stores rows of a read for which there was no room', async () => {
    const { cache } = bench.open({ wrapped: false })
    const get = (key: string) => cache.get(key, ['users'], false)
    for (let i = 0; i < 100; i++)
      await Promise.all(Array.from({ length: 100 }, (_, j) => get(`failed ${i * 100 + j}`)))
    await get('query')
    await cache.put('failed 99', ['rows'], ['users'])
    await cache.onMutate({ tables: users })
    await get('query')
    await cache.put('query', ['old'], ['users'])
    expect(await get('query')).toBeUndefined()
  })

  it('with Redis down, reads use the database, and a write rejects but changes rows', async () => {
    const clientOptions = { resilience: { readTimeout: 200, writeTimeout: 300 } }
    const { db } = bench.open({ wrapped: false, clientOptions })
    expect(await nameOf(db)).toBe('Ada')
    await bench.redis.pause()
    try {
      expect(await nameOf(db)).toBe('Ada')
      await expect(rename(db, 'Lovelace')).rejects.toThrow()
      await expect.poll(() => nameOf(db)).toBe('Lovelace')
    } finally {
      await bench.redis.resume()
    }
  })

  it('rows that are read while a statement is running live for intentTtl at most', async () => {
    let update: (() => void) | undefined
    const writer = bench.open({
      wrapped: false,
      intentTtl: '1s',
      // The database is slow: onMutate is done long before.
      hook: async (text, run) => {
        if (/^update/.test(text)) await new Promise<void>((resolve) => (update = resolve))
        return run()
      },
    })
    const reader = bench.open({ wrapped: false })
    const writing = rename(writer.db, 'Lovelace')
    await expect.poll(() => update).toBeDefined()
    await expect
      .poll(async () => {
        await nameOf(reader.db)
        return Number(await bench.redis.cli('EXISTS', 'shop:version-of:sql.table.users'))
      })
      .toBe(1)
    expect(await nameOf(reader.db)).toBe('Ada')
    update!()
    await writing
    await expect.poll(() => nameOf(reader.db)).toBe('Lovelace')
  })
})
