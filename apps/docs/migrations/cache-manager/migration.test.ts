import { createAside } from '@cache/aside'
import { createCacheClient, type CacheClient } from '@cache/core'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startProxy, startRedis, type RedisServer } from '@cache/testkit'
import { createKeyv, createKeyvNonBlocking } from '@keyv/redis'
import { createCache } from 'cache-manager'
import { createClient } from 'redis'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Program, changeInOutage, loadsOfColdKey } from '../cache-cases.js'
import { MemoryDatabase } from '../catalog.js'
import { serve } from '../serve.js'
import * as after from './after.js'
import * as before from './before.js'
import { createProducts } from './both.js'

let redis: RedisServer
beforeEach(async () => void (redis = await startRedis()))
afterEach(() => redis.stop())

const programs = { before, after }
const both = Object.entries(programs).map(([name, program]) => ({ name, ...program }))

function connect(namespace?: string): CacheClient {
  const driver = nodeRedisDriver(createClient({ url: redis.url }))
  return createCacheClient(driver, namespace === undefined ? {} : { namespace })
}

describe.each(both)('$name', ({ createService }) => {
  it('caches a product, and returns the new name after a change', async () => {
    const database = new MemoryDatabase()
    const service = await createService(redis.url, database)
    await using http = await serve(service.app)
    const read = async () => (await http.send('GET', '/products/1')).body

    expect(await read()).toMatchObject({ name: 'chair' })
    expect(await read()).toMatchObject({ name: 'chair' })
    expect(database.queries).toBe(1)
    expect((await http.send('PUT', '/products/1', { name: 'armchair' })).status).toBe(204)
    expect(await read()).toMatchObject({ name: 'armchair' })
    expect(database.queries).toBe(2)
    expect((await http.send('GET', '/products/3')).status).toBe(404)
    await service.close()
  })

  it('shares the cache with the other processes, and empties it after an import', async () => {
    const database = new MemoryDatabase()
    const services = [
      await createService(redis.url, database),
      await createService(redis.url, database),
    ]
    for (const { app } of services) {
      await using http = await serve(app)
      await http.send('GET', '/products/1')
    }
    expect(database.queries).toBe(1)
    await using http = await serve(services[0]!.app)
    expect((await http.send('POST', '/products/import')).status).toBe(204)
    await http.send('GET', '/products/1')
    expect(database.queries).toBe(2)
    for (const { close } of services) await close()
  })
})

describe('what differs', () => {
  it('after a change during a load, only the old program serves the old name', async () => {
    const served = async ({ createService }: Program) => {
      const database = new MemoryDatabase()
      const [reader, writer] = [
        await createService(redis.url, database),
        await createService(redis.url, database),
      ]
      await using reading = await serve(reader.app)
      await using writing = await serve(writer.app)
      const { release } = database.hold()
      const loading = reading.send('GET', '/products/1') // has the row, and is slow to store it
      await expect.poll(() => database.queries).toBe(1)
      await writing.send('PUT', '/products/1', { name: 'armchair' })
      release()
      await loading
      const { body } = await writing.send('GET', '/products/1')
      await reader.close()
      await writer.close()
      return body
    }
    expect(await served(before)).toMatchObject({ name: 'chair' }) // until its ttl has passed
    await redis.flush()
    expect(await served(after)).toMatchObject({ name: 'armchair' })
  })

  it('a cold key is loaded once in each process, or once in all', async () => {
    expect(await loadsOfColdKey(before, redis, '/products/1', 4)).toBe(4)
    expect(await loadsOfColdKey(after, redis, '/products/1', 1)).toBe(1)
  })

  it('while Redis is down, the old program waits for it, and the new one loads', async () => {
    const database = new MemoryDatabase()
    const [old, replacement] = [
      await before.createService(redis.url, database),
      await after.createService(redis.url, database),
    ]
    await using waiting = await serve(old.app)
    await using answering = await serve(replacement.app)
    await waiting.send('GET', '/products/1')
    await answering.send('GET', '/products/1')
    await redis.kill()

    let answered = false
    const response = waiting.send('GET', '/products/1').finally(() => {
      answered = true
    })
    expect((await answering.send('GET', '/products/1')).status).toBe(200)
    await sleep(2_000)
    expect(answered).toBe(false)
    await redis.restart()
    expect((await response).status).toBe(200)
    await replacement.close()
    await old.close()
  })

  it('while Redis is down, only the new program refuses a change before it is made', async () => {
    expect(await changeInOutage(before, redis)).toEqual({ status: 0, name: 'armchair' })
    expect(await changeInOutage(after, redis)).toEqual({ status: 500, name: 'chair' })
  })

  it('createKeyvNonBlocking answers in an outage, and hides a failed invalidation', async () => {
    await using proxy = await startProxy(redis)
    const cache = createCache({ stores: [createKeyvNonBlocking(proxy.url)], ttl: 60_000 })
    for (const store of cache.stores) store.on('error', () => undefined)
    await cache.wrap('product:1', async () => 'chair')
    await proxy.cut()
    await expect.poll(() => cache.wrap('product:1', async () => 'loaded')).toBe('loaded')
    expect(await cache.del('product:1')).toBe(true)
    await proxy.pass()
    await expect.poll(() => cache.get('product:1')).toBe('chair') // it was not deleted
    await cache.disconnect()
  })

  it('Keyv returns a Date as text, and aside returns a Date', async () => {
    const client = connect('new')
    const old = createCache({ stores: [createKeyv(redis.url, { namespace: 'old' })] })
    const replacement = createAside<{ at: Date }>({ client, prefix: 'visit', ttl: '1m' })
    const visit = { at: new Date() }
    await old.set('visit:1', visit)
    await replacement.set(1, visit)
    expect((await old.get<typeof visit>('visit:1'))!.at).toBe(visit.at.toJSON())
    expect((await replacement.peek(1))!.at).toEqual(visit.at)
    await old.disconnect()
    await client.close()
  })

  it('null is a value for the old library, and for ours the fact that there is none', async () => {
    const client = connect('new')
    const old = createCache({ stores: [createKeyv(redis.url, { namespace: 'old' })] })
    const options = { client, ttl: '1m' } as const
    const plain = createAside<string | null>({ ...options, prefix: 'plain' })
    const negative = createAside<string | null>({
      ...options,
      prefix: 'negative',
      negativeTtl: '1m',
    })
    const loads = async (read: (load: () => Promise<null>) => Promise<unknown>) => {
      let count = 0
      for (let i = 0; i < 2; i++) await read(async () => (count++, null))
      return count
    }
    expect(await loads((load) => old.wrap('1', load))).toBe(1)
    expect(await loads((load) => plain.getOrLoad(1, load))).toBe(2)
    expect(await loads((load) => negative.getOrLoad(1, load))).toBe(1)
    await old.disconnect()
    await client.close()
  })

  it('without a namespace, both may use the same key, and read what the other stored', async () => {
    const client = connect()
    const old = createCache({ stores: [createKeyv(redis.url)] })
    const replacement = createAside<unknown>({ client, prefix: 'product', ttl: '1m' })
    await old.set('product:1', 'chair', 60_000)
    expect(await replacement.peek(1)).toMatchObject({ value: 'chair' })
    await old.disconnect()
    await client.close()
  })

  it('the keys of both do not meet', async () => {
    const database = new MemoryDatabase()
    const keys: Record<string, string[]> = {}
    for (const { name, createService } of both) {
      const service = await createService(redis.url, database)
      await using http = await serve(service.app)
      await http.send('GET', '/products/1')
      keys[name] = String(await redis.cli('KEYS', '*')).split('\n')
      await service.close()
      await redis.flush()
    }
    expect(keys.before).toEqual(['shop::product:1'])
    for (const key of keys.after!) expect(key).toMatch(/^shop:product:/)
  })
})

describe('during the deployment', () => {
  it('a change reaches both caches, whichever of them is read', async () => {
    const database = new MemoryDatabase()
    const client = connect('shop')
    const products = (['old', 'new'] as const).map((read) =>
      createProducts({ redisUrl: redis.url, client, read }, database),
    )
    const names = () => Promise.all(products.map(async ({ get }) => (await get('1'))?.name))
    expect(await names()).toEqual(['chair', 'chair'])
    for (const [i, { rename }] of products.entries()) {
      await rename('1', `chair ${i}`)
      expect(await names()).toEqual([`chair ${i}`, `chair ${i}`])
    }
    const before = database.queries
    await products[0]!.clear()
    await names()
    expect(database.queries).toBe(before + 2)
    for (const { close } of products) await close()
    await client.close()
  })
})
