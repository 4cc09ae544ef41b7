import { expect, it } from 'vitest'
import { CacheUnavailableError, CacheWriteError } from '../src/index.js'
import { onEachClient, watch, type Db, type Queries } from './cases.js'
import type { Hook } from './database.js'

/** The deadlines of a client that notices an outage soon. */
const clientOptions = {
  resilience: {
    readTimeout: 200,
    writeTimeout: 500,
    breaker: { failures: 3, cooldown: 200 },
  },
} as const

onEachClient('prisma_outage', (bench) => {
  const nameOf = async (db: Queries) =>
    (await db.$withCache().user.findUnique({ where: { id: 1 } }))?.name

  const rename = (db: Queries, name: string) => db.user.update({ where: { id: 1 }, data: { name } })

  const inDatabase = async (db: Queries) => (await db.user.findUnique({ where: { id: 1 } }))?.name

  const ways: Record<string, (db: Db) => Promise<unknown>> = {
    'an operation': (db) => rename(db, 'Lovelace'),
    'a nested write': (db) =>
      db.post.update({
        where: { id: 1 },
        data: { title: 'nested', author: { update: { name: 'Lovelace' } } },
      }),
    'a transaction': (db) => db.$transaction((tx) => rename(tx, 'Lovelace')),
    'a batch': (db) => db.$transaction([rename(db, 'Lovelace'), rename(db, 'Lovelace')]),
  }

  const outages = {
    killed: { begin: () => bench.redis.kill(), end: () => bench.redis.restart() },
    paused: { begin: () => bench.redis.pause(), end: () => bench.redis.resume() },
  }

  it.each(['killed', 'paused'] as const)(
    'with Redis %s, reads come from the database and writes are refused; nothing is stale after it',
    async (how) => {
      const update = watch(/^(update|commit)/i)
      const [here, there] = [
        bench.open({ clientOptions, hook: update.hook }),
        bench.open({ clientOptions }),
      ]
      expect(await nameOf(here.db)).toBe('Ada')
      await outages[how].begin()
      try {
        for (let i = 0; i < 4; i++) expect(await nameOf(here.db)).toBe('Ada')
        await expect(rename(here.db, 'nobody')).rejects.toThrow(CacheUnavailableError)
        expect(update.queries).toBe(0) // The statement was not sent.
        await expect(here.db.$transaction((tx) => rename(tx, 'nobody'))).rejects.toThrow(
          CacheUnavailableError,
        )
        const batch = here.db.$transaction([rename(here.db, 'nobody'), here.db.user.count()])
        await expect(batch).rejects.toThrow(CacheUnavailableError)
        expect(update.queries).toBe(0)
        expect(await nameOf(here.db)).toBe('Ada')
        await expect(here.db.$invalidate({ models: 'User' })).rejects.toThrow()
        // Another program has changed the row, and nobody could say so.
        await bench.database.run(`update users set name = 'Countess' where id = 1`)
        expect(await nameOf(here.db)).toBe('Countess')
      } finally {
        await outages[how].end()
      }
      await expect
        .poll(() => rename(there.db, 'Lovelace').catch(() => 'refused'))
        .not.toBe('refused')
      for (const { db } of [here, there]) expect(await nameOf(db)).toBe('Lovelace')
      expect(await inDatabase(here.db)).toBe('Lovelace')
    },
  )

  it.each(['an operation', 'a nested write', 'a transaction', 'a batch'])(
    'if Redis goes away during %s, it says so, and nothing is stale once Redis is back',
    async (way) => {
      let armed = false
      const end = way === 'an operation' ? /^update/i : /^commit/i
      const hook: Hook = async (text, run) => {
        const answer = await run()
        if (armed && end.test(text)) {
          armed = false
          await bench.redis.pause() // The database has committed.
        }
        return answer
      }
      const here = bench.open({ clientOptions, hook, intentTtl: '2s' })
      const there = bench.open({ clientOptions })
      expect(await nameOf(there.db)).toBe('Ada')
      armed = true
      try {
        const writing = ways[way]!(here.db)
        await expect(writing).rejects.toThrow(CacheWriteError)
        expect(await nameOf(there.db)).toBe('Lovelace') // from the database
      } finally {
        await bench.redis.resume()
      }
      // The old rows live for intentTtl at most, or until the end of the write arrives.
      await expect.poll(() => nameOf(there.db)).toBe('Lovelace')
      await expect.poll(() => nameOf(here.db)).toBe('Lovelace')
      const after = bench.open()
      for (let i = 0; i < 3; i++) expect(await nameOf(after.db)).toBe('Lovelace')
    },
  )
})
