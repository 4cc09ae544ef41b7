import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { spawnProcesses, startRedis, type ProcessGroup, type RedisServer } from '@cache/testkit'
import { createCacheClient } from '@cache/core'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createLocks } from '@cache/lock'
import { createWriteBehindWorker } from '@cache/write-behind'
import pg from 'pg'
import { createClient } from 'redis'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { startService, type Service } from '../src/service.js'

// Tests two services on one Redis and one Postgres: `DATABASE_URL`, or an embedded one.

const TOKEN = 'a-token-of-an-administrator'
let redis: RedisServer
let databaseUrl: string
let pool: pg.Pool
let services: [Service, Service]
let worker: ProcessGroup | undefined
const cleanups: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  redis = await startRedis({ aof: 'always' })
  cleanups.push(() => redis.stop())
  databaseUrl = process.env.DATABASE_URL ?? (await startEmbeddedPostgres())
  pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  cleanups.push(() => pool.end())
  const start = (adminToken?: string) =>
    startService({ redisUrl: redis.url, databaseUrl, port: 0, adminToken })
  services = [await start(), await start(TOKEN)]
  cleanups.push(() => Promise.all(services.map((service) => service.close())))
})
afterAll(async () => {
  await worker?.stop()
  for (const cleanup of cleanups.reverse()) await cleanup()
})
beforeEach(async () => {
  await redis.flush()
  await pool.query('delete from activity')
})

async function startEmbeddedPostgres(): Promise<string> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 50 })
  await server.start()
  cleanups.push(() => server.stop().then(() => db.close()))
  return `postgres://postgres@${server.getServerConn()}/postgres`
}

async function call(
  service: Service,
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<{ status: number; body: any }> {
  const response = await fetch(service.url + path, {
    method,
    ...(headers && { headers }),
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  })
  return {
    status: response.status,
    body: /json/.test(response.headers.get('content-type') ?? '')
      ? await response.json()
      : await response.text(),
  }
}

async function startWorker(): Promise<void> {
  worker = spawnProcesses(new URL('../../worker/src/main.ts', import.meta.url), {
    env: { REDIS_URL: redis.url, DATABASE_URL: databaseUrl, LEASE_TTL_MS: '1000' },
  })
  await worker.all('working')
}

it('a profile changed through one service is read through the other', async () => {
  for (let i = 0; i < 20; i++) {
    const [writer, reader] = i % 2 === 0 ? services : [services[1], services[0]]
    expect((await call(reader, 'GET', '/users/7')).status).toBe(200)
    const changed = await call(writer, 'PATCH', '/users/7', { name: `Ada ${i}` })
    expect(changed).toMatchObject({ status: 200, body: { name: `Ada ${i}` } })
    expect((await call(reader, 'GET', '/users/7')).body).toEqual(changed.body)
  }
})

it('a deleted user and an unknown user are not found', async () => {
  expect((await call(services[0], 'GET', '/users/499')).status).toBe(200)
  expect((await call(services[1], 'DELETE', '/users/499')).status).toBe(204)
  expect((await call(services[0], 'GET', '/users/499')).status).toBe(404)
  expect((await call(services[0], 'DELETE', '/users/499')).status).toBe(404)
  expect((await call(services[0], 'PATCH', '/users/9999', { name: 'x' })).status).toBe(404)
})

it.each([
  ['GET', '/users/x'],
  ['GET', '/users/0'],
  ['PATCH', '/users/1', { name: '' }],
  ['PATCH', '/users/1', { email: 'no' }],
  ['PATCH', '/users/1', { admin: true }],
  ['POST', '/users/-1/visits'],
  ['GET', '/users/1e0'],
  ['GET', '/users/0x10/activity'],
  ['POST', '/users/01/export'],
  ['DELETE', '/users/%201'],
  ['PATCH', '/users/1', { name: 'a\0b' }],
  ['PATCH', '/users/1', { name: '\ud800' }],
  ['PATCH', '/users/1', {}],
])('refuses %s %s %j', async (method, path, body?: unknown) => {
  expect(await call(services[0], method, path, body)).toMatchObject({
    status: 400,
    body: { detail: expect.any(String) },
  })
})

it('a body that is too large and a visit of an unknown user are refused', async () => {
  expect((await call(services[0], 'PATCH', '/users/1', { name: 'a'.repeat(20_000) })).status).toBe(
    413,
  )
  expect((await call(services[0], 'POST', '/users/2000000000/visits')).status).toBe(404)
})

it('200 concurrent changes of one user all succeed, unless a lower limit is set', async () => {
  const { version } = (await call(services[0], 'GET', '/users/9')).body
  const changed = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      call(services[i % 2]!, 'PATCH', '/users/9', { name: `Ada ${i}` }),
    ),
  )
  expect(changed.map(({ status }) => status)).toEqual(changed.map(() => 200))
  expect((await call(services[0], 'GET', '/users/9')).body.version).toBe(version + 200)
  const limited = await startService({
    redisUrl: redis.url,
    databaseUrl,
    port: 0,
    writesPerSecond: 1,
  })
  const statuses = await Promise.all(
    Array.from({ length: 20 }, () => call(limited, 'DELETE', '/%75sers/9999')),
  )
  expect(statuses.filter(({ status }) => status === 429).length).toBeGreaterThan(5)
  await limited.close()
})

it('the queue shows the number of failed writes, but not their content', async () => {
  const redisClient = createClient({ url: redis.url })
  const client = createCacheClient(nodeRedisDriver(redisClient), { namespace: 'shop' })
  expect((await call(services[0], 'POST', '/users/8/visits')).status).toBe(200)
  const stop = new AbortController()
  const running = createWriteBehindWorker({
    client,
    prefix: 'activity',
    retry: { attempts: 1 },
    flush: async (writes) => {
      throw new RangeError(`V4LUE ${JSON.stringify(writes)}`)
    },
  }).run({ signal: stop.signal })
  await vi.waitFor(
    async () => expect((await call(services[0], 'GET', '/queue')).body.deadLetters).toBe(1),
    20_000,
  )
  const admin = { authorization: `Bearer ${TOKEN}` }
  for (const headers of [{}, { authorization: 'Bearer another' }, { authorization: TOKEN }]) {
    const refused = await call(services[1], 'GET', '/dead-letters?values=true', undefined, headers)
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(refused.status).toBeLessThan(402)
    expect(JSON.stringify(refused.body)).not.toMatch(/V4LUE|visits/)
  }
  // This service was started without a token.
  expect((await call(services[0], 'GET', '/dead-letters', undefined, admin)).status).toBe(404)
  const listed = await call(services[1], 'GET', '/dead-letters', undefined, admin)
  expect(listed.body).toEqual([
    {
      letter: expect.any(String),
      id: '8',
      kind: 'write',
      sequence: expect.any(Number),
      error: 'RangeError',
      attempts: 1,
      at: expect.any(String),
    },
  ])
  const [whole] = (await call(services[1], 'GET', '/dead-letters?values=true', undefined, admin))
    .body
  expect(whole).toMatchObject({ value: { visits: 1 }, error: expect.stringContaining('V4LUE') })
  for (const name of ['x', '99:1', '0:0'])
    expect(
      (await call(services[1], 'DELETE', `/dead-letters/${name}`, undefined, admin)).status,
    ).toBe(404)
  expect((await call(services[1], 'DELETE', `/dead-letters/${whole.letter}`)).status).toBe(401)
  expect(
    (await call(services[1], 'DELETE', `/dead-letters/${whole.letter}`, undefined, admin)).status,
  ).toBe(204)
  expect((await call(services[0], 'GET', '/queue')).body.deadLetters).toBe(0)
  stop.abort()
  await running
  await client.close()
  redisClient.destroy()
})

it('visits are in Redis at once and in Postgres later, even if a worker is killed', async () => {
  await startWorker()
  // Sends 50 requests at a time: each waits for the disk, and must be answered before the deadline
  // of the service's client.
  const counted = (async () => {
    const answers: Awaited<ReturnType<typeof call>>[] = []
    for (let i = 0; i < 200; i += 50)
      answers.push(
        ...(await Promise.all(
          Array.from({ length: 50 }, (_, j) =>
            call(services[j % 2]!, 'POST', `/users/${1 + (j % 5)}/visits`),
          ),
        )),
      )
    return answers
  })()
  await vi.waitFor(
    async () => expect((await pool.query('select 1 from activity')).rowCount).toBeGreaterThan(0),
    20_000,
  )
  await worker!.stop()
  for (const { status } of await counted) expect(status).toBe(200)
  expect((await call(services[0], 'GET', '/users/1/activity')).body).toMatchObject({ visits: 40 })
  await startWorker()
  await vi.waitFor(
    async () =>
      expect((await call(services[0], 'GET', '/queue')).body).toMatchObject({
        writes: 0,
        deadLetters: 0,
      }),
    60_000,
  )
  const { rows } = await pool.query('select id, visits from activity order by id')
  expect(rows).toEqual(['1', '2', '3', '4', '5'].map((id) => ({ id, visits: 40 })))
}, 120_000)

it('one export of a user runs at a time, and a late one changes nothing', async () => {
  const redisClient = createClient({ url: redis.url })
  const client = createCacheClient(nodeRedisDriver(redisClient), { namespace: 'shop' })
  const locks = createLocks({ client })
  expect((await call(services[0], 'GET', '/users/12/export')).status).toBe(404)
  const lock = await locks.acquire('export:12')
  expect((await call(services[0], 'POST', '/users/12/export')).status).toBe(409)
  await lock.release()
  const created = await call(services[1], 'POST', '/users/12/export')
  expect(created).toMatchObject({ status: 201, body: { user: { id: 12 } } })
  expect((await call(services[0], 'GET', '/users/12/export')).body).toEqual(created.body)

  // Simulates an export by a later holder of the lock.
  await pool.query('update exports set fence = $1 where id = 12', [Number.MAX_SAFE_INTEGER])
  expect((await call(services[0], 'POST', '/users/12/export')).status).toBe(409)
  expect((await call(services[0], 'GET', '/users/12/export')).body).toEqual(created.body)
  await locks.close()
  await client.close()
  redisClient.destroy()
})

it('while Redis is down, profiles are read and writes are refused, rows unchanged', async () => {
  await call(services[0], 'PATCH', '/users/3', { name: 'before' })
  await redis.pause()
  expect(await call(services[0], 'GET', '/users/3')).toMatchObject({
    status: 200,
    body: { name: 'before' },
  })
  expect((await call(services[0], 'PATCH', '/users/3', { name: 'after' })).status).toBe(503)
  expect((await call(services[0], 'POST', '/users/3/visits')).status).toBe(503)
  expect((await pool.query('select name from users where id = 3')).rows).toEqual([
    { name: 'before' },
  ])
  await redis.resume()
  await vi.waitFor(
    async () =>
      expect((await call(services[0], 'PATCH', '/users/3', { name: 'after' })).status).toBe(200),
    10_000,
  )
  expect((await call(services[1], 'GET', '/users/3')).body).toMatchObject({ name: 'after' })
})
