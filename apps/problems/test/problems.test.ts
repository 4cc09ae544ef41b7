import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Hono } from 'hono'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { answerWith, problem } from '../src/index.js'

const PASSWORD = 'P4SSWORD-typo'
const VALUE = 'V4LUE-of-a-customer'
const SECRETS = /P4SSWORD|V4LUE/
/** Texts that must not reach a client: commands, keys, addresses, scripts. */
const INTERNAL = /P4SSWORD|V4LUE|internal|SET|EVAL|127\.0\.0\.1|redis/i

const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
afterEach(() => {
  for (const line of logged.mock.calls) expect(line.join(' ')).not.toMatch(SECRETS)
  logged.mockClear()
})

let server: RedisServer
beforeAll(async () => {
  server = await startRedis({ password: 'right' })
})
afterAll(() => server.stop())

/** Returns the response of a service whose route calls `fail`. */
async function responseTo(fail: () => unknown): Promise<{ status: number; body: string }> {
  const app = new Hono()
  app.onError(
    answerWith((error) => (error instanceof RangeError ? 'It was half done.' : undefined)),
  )
  app.notFound((c) => problem(c, 404, 'There is nothing at this address.'))
  app.get('/things/:id', async (c) => {
    await fail()
    return c.text('done')
  })
  const response = await app.request('/things/1')
  return { status: response.status, body: await response.text() }
}

const clients: Readonly<
  Record<string, (password: string) => { client: CacheClient; end(): unknown }>
> = {
  ioredis(password) {
    const redis = new Redis({
      host: server.host,
      port: server.port,
      password,
      retryStrategy: () => 100,
    })
    const client = createCacheClient(ioredisDriver(redis), {
      namespace: 'internal',
      resilience: { writeTimeout: '500ms' },
    })
    return { client, end: () => redis.disconnect() }
  },
  'node-redis'(password) {
    const redis = createClient({
      url: `redis://:${password}@${server.host}:${server.port}`,
      socket: { reconnectStrategy: () => 100 },
    })
    const client = createCacheClient(nodeRedisDriver(redis), {
      namespace: 'internal',
      resilience: { writeTimeout: '500ms' },
    })
    return { client, end: () => redis.destroy() }
  },
}

describe.each(Object.keys(clients))('with %s', (name) => {
  it.each<[string, string, (client: CacheClient) => Promise<unknown>]>([
    [
      'a wrong password',
      PASSWORD,
      (client) => client.send({ args: ['SET', client.key('k'), VALUE], keys: [client.key('k')] }),
    ],
    [
      'a refused command',
      'right',
      (client) => client.send({ args: ['SETT', client.key('k'), VALUE], keys: [client.key('k')] }),
    ],
  ])('the answer to %s has no commands, keys, addresses and values', async (_, password, work) => {
    const { client, end } = clients[name]!(password)
    const { status, body } = await responseTo(() => work(client))
    expect(status).toBe(503)
    expect(body).not.toMatch(INTERNAL)
    expect(JSON.parse(body)).toEqual({
      status: 503,
      detail: 'This can not be done now. Try again later.',
    })
    await client.close()
    await end()
  })
})

it.each<[string, unknown, number, string]>([
  [
    'a row that the database refuses',
    Object.assign(new Error(`Key (email)=(${VALUE}) already exists.`), {
      code: '23505',
      detail: VALUE,
    }),
    500,
    'Something went wrong.',
  ],
  [
    'an unreachable database',
    Object.assign(new Error(`connect ECONNREFUSED postgres://u:${PASSWORD}@h`), {
      code: 'ECONNREFUSED',
    }),
    503,
    'This can not be done now. Try again later.',
  ],
  ['an error with a text of its own', new RangeError(VALUE), 503, 'It was half done.'],
])('the answer to %s does not contain its message', async (_, error, status, detail) => {
  expect(
    await responseTo(() => {
      throw error
    }),
  ).toEqual({ status, body: JSON.stringify({ status, detail }) })
  expect(logged).toHaveBeenCalledOnce()
})
