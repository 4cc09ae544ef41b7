import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmbeddedPostgres, type Database } from '../src/database.js'
import type { Product } from '../src/products.js'
import { startService, type Service } from '../src/service.js'

let redis: RedisServer
let database: Database
let services: Record<'ioredis' | 'node-redis', Service>

beforeAll(async () => {
  ;[redis, database] = await Promise.all([startRedis(), startEmbeddedPostgres()])
  const start = (client: 'ioredis' | 'node-redis') =>
    startService({
      client,
      redisUrl: redis.url,
      databaseUrl: database.url,
      port: 0,
      writesPerSecond: 10_000,
      resilience: { readTimeout: '1s', writeTimeout: '2s' },
    })
  services = { ioredis: await start('ioredis'), 'node-redis': await start('node-redis') }
})
afterAll(async () => {
  for (const service of Object.values(services)) await service.close()
  await database.close()
  await redis.stop()
})

describe.each([
  ['ioredis', 'node-redis'],
  ['node-redis', 'ioredis'],
] as const)('the catalog on %s', (name, otherName) => {
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(services[name].url + path, init)
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: (await response.json()) as any,
    }
  }
  const patch = (id: number | string, body: unknown) =>
    ask(`/products/${id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  it('returns one product, many products, and a category', async () => {
    expect((await ask('/products/42')).body).toMatchObject({
      id: 42,
      categoryId: 43,
      name: 'chair no. 42',
    })
    expect((await ask('/products?ids=3,1,3')).body.map((product: Product) => product.id)).toEqual([
      3, 1, 3,
    ])
    expect((await ask('/categories/7')).body).toHaveLength(50)
    expect((await ask('/health')).body).toEqual({ ok: true })
    expect((await ask('/stats')).body.loads).toBeGreaterThan(0)
  })

  it.each([
    '/products/x',
    '/products/0',
    '/products/1.5',
    '/products/-1',
    '/products/99999999999',
    '/products',
    '/products?ids=',
    '/products?ids=1,x',
    `/products?ids=${Array(101).fill(1)}`,
    '/categories/%00',
  ])('refuses %s with a problem', async (path) => {
    const { status, type, body } = await ask(path)
    expect(status).toBe(400)
    expect(type).toContain('application/problem+json')
    expect(body.detail).toBeTruthy()
  })

  it.each([{ priceCents: -1 }, { priceCents: '1' }, { name: '' }, { id: 7 }, [], 'x'])(
    'refuses to change a product by %j',
    async (body) => {
      expect((await patch(1, body)).status).toBe(400)
    },
  )

  it('answers 404 for a product that does not exist, and for a change of it', async () => {
    expect((await ask('/products/999999')).status).toBe(404)
    expect((await ask('/products/999999')).status).toBe(404)
    expect((await patch(999_999, { priceCents: 1 })).status).toBe(404)
  })

  it('returns a change at once in both processes, alone and in its category', async () => {
    for (let priceCents = 1; priceCents <= 20; priceCents++) {
      const { body } = await patch(100, { priceCents })
      for (const reader of [services[name], services[otherName]]) {
        const product = (await (await fetch(`${reader.url}/products/100`)).json()) as Product
        expect(product).toEqual(body)
        const inCategory = async () =>
          (
            (await (
              await fetch(`${reader.url}/categories/${product.categoryId}`)
            ).json()) as Product[]
          ).find(({ id }) => id === 100)
        if (reader === services[name]) expect(await inCategory()).toEqual(body)
        // The other process follows when it receives the invalidation.
        else await expect.poll(inCategory, { interval: 1 }).toEqual(body)
      }
    }
  })

  it('returns each order of a category, and a change in all of them at once', async () => {
    const list = async (order: string) =>
      (await ask(`/categories/11?order=${order}`)).body as Product[]
    for (const priceCents of [0, 1_000_000]) {
      const { body: changed } = await patch(10, { priceCents })
      expect((await list('price')).at(priceCents === 0 ? 0 : -1)).toEqual(changed)
      for (const order of ['id', 'name'])
        expect((await list(order)).find(({ id }) => id === 10)).toEqual(changed)
    }
    const names = (await list('name')).map((product) => product.name)
    expect(names).toHaveLength(50)
    expect(names).toEqual([...names].sort())
    expect((await ask('/categories/11?order=colour')).status).toBe(400)
  })

  it('invalidates all lists of a category with one bump, and no others', async () => {
    const reads = [
      '/categories/12?order=id',
      '/categories/12?order=price',
      '/categories/13?order=id',
    ]
    for (const path of reads) for (let i = 0; i < 2; i++) await ask(path)
    const loads = async () => (await ask('/stats')).body.loads as number
    const before = await loads()
    expect((await ask('/categories/12/invalidate', { method: 'POST' })).body).toEqual({
      dropped: true,
    })
    for (const path of reads) await ask(path)
    expect(await loads()).toBe(before + 2)
  })

  it('returns a product within its category from one load, and a change in both', async () => {
    const productsInCategory = async () => (await ask('/categories/21/products')).body as Product[]
    const productInCategory = async (id: number) =>
      (await ask(`/categories/21/products/${id}`)).body as Product
    const loads = async () => (await ask('/stats')).body.loads as number
    await ask('/categories/21/invalidate', { method: 'POST' })
    expect(await productsInCategory()).toHaveLength(50)
    const before = await loads()
    for (const id of [20, 80, 140])
      expect(await productInCategory(id)).toEqual(
        (await productsInCategory()).find((product) => product.id === id),
      )
    // At most two loads for each product: the id of its category, and the category.
    expect(await loads()).toBeLessThanOrEqual(before + 6)
    for (const priceCents of [7, 8]) {
      const { body: changed } = await patch(20, { priceCents })
      for (const reader of [services[name], services[otherName]]) {
        expect(await (await fetch(`${reader.url}/categories/21/products/20`)).json()).toEqual(
          changed,
        )
        expect(
          ((await (await fetch(`${reader.url}/categories/21/products`)).json()) as Product[]).find(
            ({ id }) => id === 20,
          ),
        ).toEqual(changed)
      }
    }
    expect((await ask('/categories/22/products/20')).status).toBe(404)
    expect((await ask('/categories/21/products/x')).status).toBe(400)
  })

  it('invalidates a product once', async () => {
    await ask('/products/55')
    expect((await ask('/products/55/invalidate', { method: 'POST' })).body).toEqual({ dropped: 1 })
    expect((await ask('/products/55/invalidate', { method: 'POST' })).body).toEqual({ dropped: 0 })
  })

  it('limits the writes of an address over all processes', async () => {
    const limited = await Promise.all(
      (['ioredis', 'node-redis'] as const).map((client) =>
        startService({
          client,
          redisUrl: redis.url,
          databaseUrl: database.url,
          port: 0,
          writesPerSecond: 5,
        }),
      ),
    )
    try {
      // Makes sure that both processes are connected.
      for (const { url } of limited) await fetch(`${url}/products/200`)
      for (let retries = 5; ; retries--) {
        const started = performance.now()
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, i) =>
            fetch(`${limited[i % 2]!.url}/products/${200 + i}/invalidate`, { method: 'POST' }),
          ),
        )
        const [refused, admitted] = [429, 200].map((expected) =>
          answers.filter(({ status }) => status === expected),
        ) as [Response[], Response[]]
        expect(refused.length).toBeGreaterThanOrEqual(
          20 - (5 * (performance.now() - started)) / 1_000,
        )
        expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThan(0)
        // If Redis misses the limiter's deadline, as on a busy machine, each process admits fewer
        // requests on its own.
        if (admitted.length < 5 && retries > 0) {
          await sleep(1_000)
          continue
        }
        expect(admitted.length).toBeGreaterThanOrEqual(5)
        break
      }
      // Reads are not limited.
      expect((await fetch(`${limited[0]!.url}/products/200`)).status).toBe(200)
    } finally {
      for (const service of limited) await service.close()
    }
  })

  it('reads from the database while Redis is silent, and refuses changes', async () => {
    await redis.pause()
    try {
      expect((await ask('/products/77')).body.id).toBe(77)
      const before = (await ask('/products/77')).body.version
      expect((await patch(77, { priceCents: 5 })).status).toBe(503)
      expect((await ask('/products/77')).body.version).toBe(before)
    } finally {
      await redis.resume()
    }
    await expect
      .poll(async () => (await patch(77, { priceCents: 6 })).status, { timeout: 15_000 })
      .toBe(200)
  })
})
