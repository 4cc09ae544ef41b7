import { eq } from 'drizzle-orm'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { afterAll, beforeAll, expect } from 'vitest'
import { itIsAllowed, onEachAclStage } from '../../service/test/acl-stage.js'
import { cachedDatabase, createDrizzleCache } from '../src/index.js'
import * as tables from './schema.js'

const { users } = tables
let database: PGlite
beforeAll(async () => {
  database = await PGlite.create()
  await database.exec(tables.createTables)
})
afterAll(() => database.close())

onEachAclStage((stage) =>
  itIsAllowed(stage, {
    drizzle: async (client) => {
      await database.exec(`delete from users; insert into users values (1, 'Ada')`)
      const cache = createDrizzleCache({ client, tables, ttl: '1h' })
      const db = cachedDatabase(drizzle({ client: database, schema: tables, cache }))
      const names = async () =>
        (await db.select().from(users).$withCache({ tag: 'names' })).map(({ name }) => name)
      const change = (name: string) => db.update(users).set({ name }).where(eq(users.id, 1))

      expect(await names()).toEqual(['Ada'])
      await change('Lovelace')
      expect(await names()).toEqual(['Lovelace'])
      expect(await names()).toEqual(['Lovelace'])
      await db.transaction(async (tx) => {
        await tx.insert(users).values({ id: 2, name: 'Grace' })
        await tx.$cache.invalidate({ tables: users, tags: 'names' })
      })
      expect(await names()).toHaveLength(2)
      const relational = () => cache.read(db.query.users.findMany({ with: { posts: true } }))
      expect(await relational()).toEqual(await relational())
      await cache.mutate([users], () => database.exec('delete from users where id = 2'))
      await (await cache.beginMutation([users])).abort()
      await db.$cache.invalidate({ tables: users, tags: 'names' })
      expect(await names()).toEqual(['Lovelace'])
      expect(cache.stats().hits).toBeGreaterThan(0)

      // Without `cachedDatabase`, Drizzle calls the methods of the cache itself.
      const alone = createDrizzleCache({ client, tables, prefix: 'alone', ttl: '1h' })
      const plain = drizzle({ client: database, cache: alone })
      const count = () => plain.select().from(users).$withCache()
      expect(await count()).toHaveLength(1)
      await plain.insert(users).values({ id: 3, name: 'Barbara' })
      expect(await count()).toHaveLength(2)
    },
  }),
)
