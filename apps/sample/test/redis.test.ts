import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { eventually, startProxy, startRedis, type RedisServer } from '@cache/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { buildApp } from '../src/app.js'
import { memoryDatabase, type Database } from '../src/database.js'

const chair = { id: 'chair', name: 'Chair', price: 80, stock: 3 }

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
beforeEach(() => server.flush())
afterAll(() => server.stop())

/** Starts an instance of the service, as another process would be. */
async function startService(database: Database, url = server.url) {
  const redis = new Redis(url).on('error', () => undefined)
  const client = createCacheClient(ioredisDriver(redis), { namespace: 'test' })
  const app = await buildApp({ client, database })
  return {
    get: async () => (await app.inject({ method: 'GET', url: '/products/chair' })).json(),
    order: async () => app.inject({ method: 'POST', url: '/products/chair/orders' }),
    async [Symbol.asyncDispose]() {
      await app.close()
      await client.close()
      redis.disconnect()
    },
  }
}

it('two instances sell three chairs to three of ten customers', async () => {
  const database = memoryDatabase([chair])
  await using one = await startService(database)
  await using other = await startService(database)
  const orders = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? one : other).order())
  const sold = (await Promise.all(orders)).filter(({ statusCode }) => statusCode === 201)
  expect(sold).toHaveLength(3)
  expect(await one.get()).toEqual({ ...chair, stock: 0 })
  expect(await other.get()).toEqual({ ...chair, stock: 0 })
})

it('starts and answers reads while Redis is down, and caches when it is there', async () => {
  await using down = await startRedis()
  await down.kill()
  const database = memoryDatabase([chair])
  const find = vi.spyOn(database, 'find')
  await using service = await startService(database, down.url)
  expect(await service.get()).toEqual(chair)
  await down.restart()
  await eventually(async () => {
    await service.get()
    const before = find.mock.calls.length
    await service.get()
    return find.mock.calls.length === before
  })
  expect((await service.order()).statusCode).toBe(201)
})

it('answers reads from the database while Redis is silent', async () => {
  await using proxy = await startProxy(server)
  const database = memoryDatabase([chair])
  const find = vi.spyOn(database, 'find')
  await using service = await startService(database, proxy.url)
  await service.get()
  await service.get()
  expect(find).toHaveBeenCalledTimes(1)
  proxy.swallow('both')
  expect(await service.get()).toEqual(chair)
  expect(find).toHaveBeenCalledTimes(2)
  await proxy.pass()
})
