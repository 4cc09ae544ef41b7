import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, sqliteTable } from 'drizzle-orm/sqlite-core'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InvalidOptionError, UsageError, cachedDatabase, createDrizzleCache } from '../src/index.js'
import { describeStatement } from '../src/statement.js'
import { Tables } from '../src/tables.js'
import * as tables from './schema.js'

describe('options', () => {
  let client: CacheClient
  let redis: Redis
  const { users } = tables
  beforeAll(() => {
    redis = new Redis({ lazyConnect: true })
    client = createCacheClient(ioredisDriver(redis))
  })
  afterAll(async () => {
    await client.close()
    redis.disconnect()
  })

  it.each([
    ['client', { client: undefined }],
    ['ttl', { ttl: undefined }],
    ['ttl', { ttl: 'never' }],
    ['tables', { tables: undefined }],
    ['tables', { tables: { users: 'users' } }],
    ['tables', { tables: { users: sqliteTable('users', { id: integer() }) } }],
    ['strategy', { strategy: 'some' }],
    ['prefix', { prefix: '' }],
    ['prefix', { prefix: 'version-of' }],
    ['dependents', { dependents: [] }],
    ['dependents.posts', { dependents: { posts: 'log' } }],
    ['intentTtl', { intentTtl: 'soon' }],
    ['codec', { codec: {} }],
    ['schema', { schema: tables }],
  ])('an error names "%s" (%#)', (name, wrong) => {
    const create = () =>
      createDrizzleCache({ client, tables, ttl: '1m', ...(wrong as object) } as never)
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow(name)
  })

  it('an error names the database, the tables and the options of calls', async () => {
    const cache = createDrizzleCache({ client, tables, ttl: '1m' })
    const pool = new pg.Pool() // It is never connected.
    const db = drizzle({ client: pool, cache })
    expect(() => cachedDatabase({} as never)).toThrow(/"db"/)
    expect(() => cachedDatabase(drizzle({ client: pool }))).toThrow(/createDrizzleCache/)
    expect(cachedDatabase(cachedDatabase(db))).toBe(db)
    db.$cache = createDrizzleCache({ client, tables, ttl: '1m', prefix: 'other' })
    expect(() => cachedDatabase(db)).toThrow(UsageError)
    await expect(cache.mutate([], () => 1)).rejects.toThrow(/"tables"/)
    await expect(cache.mutate({} as never, () => 1)).rejects.toThrow(/"tables"/)
    await expect(cache.beginMutation([])).rejects.toThrow(/"tables"/)
    await expect(cache.invalidate({ tags: [''] })).rejects.toThrow(/"tags"/)
    await expect(cache.read(db.select().from(users), { ttl: 'soon' as never })).rejects.toThrow(
      /"ttl"/,
    )
  })
})

describe('what a statement does', () => {
  const { users } = tables
  const all = new Tables(tables, {})
  const does = (text: string, isRelational = true) => {
    const statement = describeStatement(all, text, undefined, isRelational)
    return statement.does === 'anything'
      ? statement.does
      : `${statement.does} ${[...statement.tables].sort().join()}`
  }

  it('knows reads, locks and writes by their text', () => {
    expect(does('select "name" from "users"')).toBe('read users')
    expect(does('SELECT name FROM Users u JOIN public.posts p ON true')).toBe('read posts,users')
    expect(does('select * from "every thing"')).toBe('read every thing')
    expect(does('select * from users_archive')).toBe('read ')
    expect(does('select * from long_names')).toBe('read long_names,users')
    for (const lock of ['update', 'no key update', 'share', 'key share', 'update skip locked'])
      expect(does(`select 1 from users for ${lock}`)).toBe('anything')
    expect(does('select 1 from users for update of "users" nowait')).toBe('anything')
    expect(does('select "update" from "users"')).toBe('read users')
    expect(does('with a as (update only "users" set x = 1) select 1')).toBe('write posts,users')
    expect(does('with a as (delete from users) select 1 from counters')).toBe(
      'write counters,posts,users',
    )
    expect(does('with a as (insert into log values (1)) select 1')).toBe('write log')
    expect(does('select 1 from users', false)).toBe('anything')
    expect(does('refresh materialized view concurrently "user_count"', false)).toBe(
      'write user_count',
    )
  })

  it('passes deletions on by foreign keys, and new rows not', () => {
    const written = (type: 'insert' | 'delete', text: string) => {
      const metadata = { type, tables: ['users'] }
      const statement = describeStatement(all, text, metadata, false)
      return 'tables' in statement ? [...statement.tables].sort() : []
    }
    expect(users).toBeDefined()
    expect(written('delete', 'delete from "users"')).toEqual(['posts', 'users'])
    expect(written('insert', 'insert into "users" values (1)')).toEqual(['users'])
    expect(written('insert', 'insert into "users" values (1) on conflict do update')).toEqual([
      'posts',
      'users',
    ])
  })
})
