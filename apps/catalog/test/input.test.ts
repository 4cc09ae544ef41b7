import { startRedis, type RedisServer } from '@cache/testkit'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmbeddedPostgres, type Database } from '../src/database.js'
import { startService, type Service } from '../src/service.js'

let redis: RedisServer
let database: Database
let service: Service

beforeAll(async () => {
  ;[redis, database] = await Promise.all([startRedis(), startEmbeddedPostgres()])
  service = await startService({
    client: 'ioredis',
    redisUrl: redis.url,
    databaseUrl: database.url,
    port: 0,
    writesPerSecond: 10_000,
    resilience: { readTimeout: '5s', writeTimeout: '10s' },
  })
})
afterAll(async () => {
  await service.close()
  await database.close()
  await redis.stop()
})

const statusOf = async (path: string, init?: RequestInit): Promise<number> => {
  const response = await fetch(service.url + path, init)
  await response.text()
  return response.status
}
const change = (path: string, body: string | Uint8Array<ArrayBuffer>) =>
  fetch(service.url + path, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body,
  })

describe('input', () => {
  it.each([
    '1e0',
    '0x10',
    '+1',
    '%2B1',
    '%201',
    '1%20',
    '00001',
    '01',
    '1.0',
    '２',
    '2147483648',
    '-0',
    'Infinity',
  ])('%s is not an id of a product or a category', async (id) => {
    for (const path of [
      `/products/${id}`,
      `/products?ids=2,${id}`,
      `/categories/${id}`,
      `/categories/${id}/products`,
    ])
      expect(await statusOf(path), path).toBe(400)
  })

  it.each([
    ['a price beyond int4', '{"priceCents":2147483648}'],
    ['a price beyond the safe integers', '{"priceCents":9007199254740993}'],
    ['a NUL', '{"name":"a\\u0000b"}'],
    ['a line break', '{"name":"a\\nb"}'],
    ['a lone surrogate', '{"name":"\\ud800"}'],
    ['invalid UTF-8', Buffer.from('{"name":"\xff"}', 'latin1')],
    ['nothing to change', '{}'],
    ['invalid JSON', '{'],
  ])('%s is refused, and changes nothing', async (_, body) => {
    const before = (await (await fetch(`${service.url}/products/5`)).json()) as unknown
    expect((await change('/products/5', body)).status).toBe(400)
    expect(await (await fetch(`${service.url}/products/5`)).json()).toEqual(before)
  })

  it('the largest price and a name in any script are stored unchanged', async () => {
    const response = await change(
      '/products/6',
      JSON.stringify({ name: 'Стіл 机 🪑', priceCents: 2 ** 31 - 1 }),
    )
    expect(await response.json()).toMatchObject({ name: 'Стіл 机 🪑', priceCents: 2 ** 31 - 1 })
  })

  it('a body that is too large is refused early, with and without a content-length', async () => {
    const large = `{"name":"x","pad":"${'a'.repeat(100_000)}"}`
    expect((await change('/products/7', large)).status).toBe(413)
    const { port } = new URL(service.url)
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', reject)
      socket.once('data', (data) => {
        resolve(String(data))
        socket.destroy()
      })
      socket.write('PATCH /products/7 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
      for (let i = 0; i < 20; i++) socket.write(`400\r\n${'a'.repeat(1_024)}\r\n`) // It never ends.
    })
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
  })
})

it('every route that writes is limited, however its path is encoded', async () => {
  const limited = await startService({
    client: 'node-redis',
    redisUrl: redis.url,
    databaseUrl: database.url,
    port: 0,
    writesPerSecond: 1,
  })
  try {
    const writes: [string, string][] = [
      ['PATCH', '/products/1'],
      ['PATCH', '/%70roducts/1'],
      ['POST', '/products/1/invalidate'],
      ['POST', '/categories/1/invalidate'],
      ['DELETE', '/nothing'],
    ]
    for (const [method, path] of writes) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => fetch(limited.url + path, { method })),
      )
      const refused = answers.filter(({ status }) => status === 429)
      expect(refused.length, path).toBeGreaterThan(5)
      expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThan(0)
    }
  } finally {
    await limited.close()
  }
})

it('200 concurrent changes of one product all succeed', async () => {
  const { version } = (await (await fetch(`${service.url}/products/9`)).json()) as {
    version: number
  }
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => change('/products/9', JSON.stringify({ priceCents: i }))),
  )
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  expect(await (await fetch(`${service.url}/products/9`)).json()).toMatchObject({
    version: version + 200,
  })
})

it('an error response contains no command, no key and no address', async () => {
  const silent = await startService({
    client: 'ioredis',
    redisUrl: redis.url,
    databaseUrl: database.url,
    port: 0,
    resilience: { writeTimeout: 200 },
  })
  try {
    await redis.pause()
    for (const [method, path] of [
      ['POST', '/products/1/invalidate'],
      ['PATCH', '/products/1'],
      ['POST', '/categories/1/invalidate'],
    ] as const) {
      const response = await fetch(silent.url + path, {
        method,
        body: method === 'PATCH' ? '{"priceCents":1}' : null,
      })
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe('1')
      expect(await response.text()).not.toMatch(/shop|redis|127|EVAL|\{"priceCents/i)
    }
  } finally {
    await redis.resume()
    await silent.close()
  }
})
