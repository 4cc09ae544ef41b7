import { PGlite } from '@electric-sql/pglite'
import { InvalidOptionError } from '@cache/core'
import { startRedis, type RedisServer } from '@cache/testkit'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createWriteBehind,
  createWriteBehindWorker,
  postgresFlush,
  type PendingWrite,
} from '../src/index.js'
import { connect } from './setup.js'

interface User {
  readonly name: string
  readonly visits: number
  readonly tags: readonly string[]
  readonly born: string | null
}

const ada: User = { name: 'Ada "the first"', visits: 1, tags: ['a', "it's"], born: '1815-12-10' }
const context = { fence: 1, partition: 0, signal: new AbortController().signal }
const write = (id: string, sequence: number, value: User | null): PendingWrite<User, string> => ({
  id,
  kind: value ? 'write' : 'delete',
  value,
  patches: [],
  patchSequences: [],
  sequence,
  count: 1,
})

interface Database {
  query(text: string, values?: any[]): Promise<{ rows: any[] }>
  close(): Promise<unknown>
}

const databases: [string, () => Promise<Database>][] = [['PGlite', async () => PGlite.create()]]
const url = process.env.DATABASE_URL
if (url) {
  databases.push([
    'DATABASE_URL',
    async () => {
      const pool = new pg.Pool({ connectionString: url, max: 2 })
      return { query: (text, values) => pool.query(text, values), close: () => pool.end() }
    },
  ])
}

describe.each(databases)('postgresFlush, on %s', (_, open) => {
  let database: Database
  let redis: RedisServer
  const schema = `write_behind_${process.pid}`
  const table = `${schema}.users`
  beforeAll(async () => {
    database = await open()
    redis = await startRedis()
    await database.query(`create schema ${schema}`)
  }, 60_000)
  afterAll(async () => {
    await database.query(`drop schema ${schema} cascade`)
    await database.close()
    await redis.stop()
  })
  beforeEach(async () => {
    await redis.flush()
    await database.query(`drop table if exists ${table}`)
    await database.query(
      `create table ${table} (
        id text primary key, name text not null check (name <> 'refused'), visits int not null,
        tags jsonb, born date, sequence bigint, gone boolean not null default false
      )`,
    )
  })
  const columns = { name: 'text', visits: 'int', tags: 'jsonb', born: 'date' }
  const rows = async () =>
    (
      await database.query(
        `select id, name, visits, tags, born::text as born, sequence::float8 as sequence, gone
          from ${table} order by id`,
      )
    ).rows

  it('sends one statement; a write that arrives twice or late changes nothing', async () => {
    const flush = postgresFlush<User>({ client: database, table, columns })
    await flush([write('1', 10, ada), write('2', 11, { ...ada, name: 'Grace' })], context)
    await flush(
      [
        write('1', 10, { ...ada, visits: 99 }),
        write('2', 5, { ...ada, name: 'old' }),
        write('3', 12, { ...ada, born: null }),
      ],
      context,
    )
    expect(await rows()).toMatchObject([
      { id: '1', ...ada, sequence: 10 },
      { id: '2', ...ada, name: 'Grace', sequence: 11 },
      { id: '3', born: null, sequence: 12 },
    ])
  })

  it('stores the last of several writes; a row without a sequence accepts any', async () => {
    await database.query(`insert into ${table} (id, name, visits) values ('1', 'before', 0)`)
    await postgresFlush<User>({ client: database, table, columns })(
      [write('1', 3, { ...ada, visits: 3 }), write('1', 4, { ...ada, visits: 4 })],
      context,
    )
    expect(await rows()).toMatchObject([{ id: '1', visits: 4, sequence: 4 }])
  })

  it('a delete removes the row unless the row is newer', async () => {
    const flush = postgresFlush<User>({ client: database, table, columns })
    await flush([write('1', 10, ada), write('2', 11, ada)], context)
    await flush([write('1', 12, null), write('2', 9, null), write('3', 13, null)], context)
    expect(await rows()).toMatchObject([{ id: '2', sequence: 11 }])
  })

  it('deleted: a deleted row stays and refuses an older write that arrives late', async () => {
    const flush = postgresFlush<User>({ client: database, table, columns, deleted: 'gone' })
    await flush([write('1', 10, ada)], context)
    await flush([write('1', 12, null)], context)
    await flush([write('1', 11, { ...ada, visits: 11 })], context)
    expect(await rows()).toMatchObject([{ id: '1', gone: true, sequence: 12 }])
    await flush([write('1', 13, { ...ada, visits: 13 })], context)
    expect(await rows()).toMatchObject([{ id: '1', gone: false, visits: 13, sequence: 13 }])
  })

  it('writes types that JSON does not have', async () => {
    interface Reading {
      readonly at: Date
      readonly count: bigint
      readonly level: number
      readonly raw: Uint8Array
      readonly note?: undefined
    }
    await database.query(
      `create table ${schema}.readings (
        id text primary key, at timestamptz, count bigint, level float8, raw bytea, note text,
        sequence bigint
      )`,
    )
    const flush = postgresFlush<Reading>({
      client: database,
      table: `${schema}.readings`,
      columns: {
        at: 'timestamptz',
        count: 'bigint',
        level: 'float8',
        raw: 'bytea',
        note: 'text',
      },
    })
    const reading = {
      at: new Date(1_700_000_000_123),
      count: 2n ** 62n,
      level: -Infinity,
      raw: new Uint8Array([1, 2, 255]).subarray(1),
      note: undefined,
    }
    await flush([{ ...write('1', 1, ada), value: reading }], context)
    const { rows: stored } = await database.query(
      `select at, count::text as count, level, encode(raw, 'hex') as raw, note
        from ${schema}.readings`,
    )
    expect(stored).toEqual([
      { at: reading.at, count: String(2n ** 62n), level: -Infinity, raw: '02ff', note: null },
    ])
    for (const value of [new Map(), new Set(), /x/, new Error('x')])
      await expect(
        flush([{ ...write('2', 2, ada), value: { ...reading, note: value as never } }], context),
      ).rejects.toThrow('"row"')
  })

  it('deleted: a row that did not exist is inserted when it is deleted', async () => {
    await database.query(
      `create table ${schema}.plain (
        id text primary key, name text, sequence bigint, gone boolean
      )`,
    )
    const flush = postgresFlush<User>({
      client: database,
      table: `${schema}.plain`,
      columns: { name: 'text' },
      deleted: 'gone',
    })
    const read = async () =>
      (
        await database.query(
          `select id, name, sequence::float8 as sequence, gone from ${schema}.plain order by id`,
        )
      ).rows
    await flush([write('1', 12, null), write('2', 13, ada)], context)
    await flush([write('1', 11, ada), write('2', 14, null)], context)
    await flush([write('1', 10, null), write('2', 12, null)], context)
    expect(await read()).toEqual([
      { id: '1', name: null, gone: true, sequence: 12 },
      { id: '2', name: ada.name, gone: true, sequence: 14 },
    ])
    await flush([write('1', 15, ada), write('2', 16, ada)], context)
    expect(await read()).toMatchObject([
      { id: '1', name: ada.name, gone: false, sequence: 15 },
      { id: '2', gone: false, sequence: 16 },
    ])
  })

  it('row makes the columns of a value; columns may have any name and type', async () => {
    await database.query(
      `create table if not exists ${schema}."Odd ""Table" (
        "Key" int primary key, "v 1" numeric(10, 2)[], "Seq" bigint
      )`,
    )
    const flush = postgresFlush<{ v: number }, number>({
      client: database,
      table: `${schema}.Odd "Table`,
      columns: { 'v 1': 'numeric(10, 2)[]' },
      row: ({ v }) => ({ 'v 1': [v, v * 2] }),
      id: { column: 'Key', type: 'int' },
      sequence: 'Seq',
    })
    await flush(
      [
        {
          id: 7,
          kind: 'write',
          value: { v: 1.5 },
          patches: [],
          patchSequences: [],
          sequence: 1,
          count: 1,
        },
      ],
      context,
    )
    expect(
      (await database.query(`select "Key", "v 1"::text as v from ${schema}."Odd ""Table"`)).rows,
    ).toEqual([{ Key: 7, v: '{1.50,3.00}' }])
  })

  it('flushes a queue; a row that Postgres refuses becomes a dead letter', async () => {
    await using client = connect('ioredis', redis.url)
    const users = createWriteBehind<User | undefined, string>({
      client,
      prefix: 'users',
      ttl: '1h',
      load: async () => undefined,
    })
    await users.putMany(
      Array.from(
        { length: 40 },
        (__, i) => [`u${i}`, { ...ada, name: i === 7 ? 'refused' : `n${i}` }] as const,
      ),
    )
    await users.delete('u3')
    const stop = new AbortController()
    const running = createWriteBehindWorker<User>({
      client,
      prefix: 'users',
      flush: postgresFlush({ client: database, table, columns }),
      linger: 1,
      retry: { attempts: 2, backoff: 5 },
    }).run({ signal: stop.signal })
    await Promise.all(
      Array.from({ length: 40 }, (__, i) =>
        i === 7
          ? expect(users.flushed('u7')).rejects.toThrow('could not be flushed')
          : users.flushed(`u${i}`),
      ),
    )
    stop.abort()
    await running
    const stored = await rows()
    expect(stored).toHaveLength(38)
    expect(stored.map(({ id }) => id)).not.toContain('u7')
    await users.close()
  })
})

describe('postgresFlush', () => {
  const validOptions = {
    client: { query: async () => undefined },
    table: 'users',
    columns: { name: 'text' },
  }
  it.each<readonly [option: string, change: object]>([
    ['client', { client: {} }],
    ['table', { table: '' }],
    ['table', { table: 7 }],
    ['columns', { columns: {} }],
    ['columns', { columns: ['name'] }],
    ['columns.name', { columns: { name: 'text); drop table users; --' } }],
    ['row', { row: 'x' }],
    ['id.type', { id: { type: "int'" } }],
    ['id.column', { id: { column: '' } }],
    ['sequence', { sequence: '' }],
    ['deleted', { deleted: '' }],
    ['upsert', { upsert: true }],
  ])('refuses a wrong %s at once, naming it', (option, change) => {
    const create = (): unknown => postgresFlush({ ...validOptions, ...change } as never)
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow(`"${option}"`)
  })
})
