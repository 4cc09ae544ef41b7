import { createCacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { buildApp } from '../src/app.js'
import { memoryDatabase } from '../src/database.js'

const chair = { id: 'chair', name: 'Chair', price: 80, stock: 1 }

const setUp = async () => {
  const driver = memoryDriver()
  const client = createCacheClient(driver)
  const database = memoryDatabase([chair])
  const find = vi.spyOn(database, 'find')
  const app = await buildApp({ client, database })
  return { driver, client, find, app }
}

let service: Awaited<ReturnType<typeof setUp>>
beforeEach(async () => void (service = await setUp()))
afterEach(async () => {
  await service.app.close()
  await service.client.close()
})

const get = (url: string) => service.app.inject({ method: 'GET', url })
const order = () => service.app.inject({ method: 'POST', url: '/products/chair/orders' })

it('reads a product from the database once', async () => {
  expect((await get('/products/chair')).json()).toEqual(chair)
  expect((await get('/products/chair')).json()).toEqual(chair)
  expect(service.find).toHaveBeenCalledTimes(1)
})

it('reads it again after ten minutes', async () => {
  await get('/products/chair')
  service.driver.setClock(10 * 60_000) // The clock of the cache; no timer has to fire.
  await get('/products/chair')
  expect(service.find).toHaveBeenCalledTimes(2)
})

it('remembers for ten seconds that there is no such product', async () => {
  expect((await get('/products/table')).statusCode).toBe(404)
  expect((await get('/products/table')).statusCode).toBe(404)
  expect(service.find).toHaveBeenCalledTimes(1)
})

it('shows a new price at once, and refuses one that makes no sense', async () => {
  await get('/products/chair')
  const put = (price: number) =>
    service.app.inject({ method: 'PUT', url: '/products/chair/price', body: { price } })
  expect((await put(70)).json()).toEqual({ ...chair, price: 70 })
  expect((await get('/products/chair')).json()).toEqual({ ...chair, price: 70 })
  expect((await put(0)).statusCode).toBe(400)
})

it('sells the last chair once', async () => {
  const [one, other] = await Promise.all([order(), order()])
  expect([one.statusCode, other.statusCode].sort()).toEqual([201, 409])
})

it('refuses the 51st request within ten seconds', async () => {
  for (let request = 1; request <= 50; request++) await get('/products/chair')
  expect((await get('/products/chair')).statusCode).toBe(429)
  service.driver.setClock(10_000)
  await expect.poll(async () => (await get('/products/chair')).statusCode).toBe(200)
})

it('answers reads from the database, and refuses orders, while Redis is down', async () => {
  service.driver.faults.refused = true
  expect((await get('/products/chair')).json()).toEqual(chair)
  expect((await order()).statusCode).toBe(503)
  service.driver.faults.refused = false
  await expect.poll(async () => (await order()).statusCode).toBe(201)
})
