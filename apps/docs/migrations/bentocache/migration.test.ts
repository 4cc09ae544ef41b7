import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startProxy, startRedis, type RedisServer } from '@cache/testkit'
import { createVersioned } from '@cache/versioning'
import { BentoCache, bentostore } from 'bentocache'
import { redisDriver } from 'bentocache/drivers/redis'
import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Program, changeInOutage, loadsOfColdKey } from '../cache-cases.js'
import { MemoryDatabase } from '../catalog.js'
import { serve } from '../serve.js'
import * as after from './after.js'
import * as before from './before.js'
import { rename } from './both.js'

let redis: RedisServer
beforeEach(async () => {
  redis = await startRedis()
  vi.spyOn(console, 'warn').mockReturnValue() // the programs report outages
})
afterEach(async () => {
  vi.restoreAllMocks()
  await redis.stop()
})

const both = Object.entries({ before, after }).map(([name, program]) => ({ name, ...program }))

describe.each(both)('$name', ({ createService }) => {
  it('one change invalidates a product and the list of its category everywhere', async () => {
    const database = new MemoryDatabase()
    const services = [
      await createService(redis.url, database),
      await createService(redis.url, database),
    ]
    const http = [await serve(services[0]!.app), await serve(services[1]!.app)]
    const read = async () => {
      const answers = []
      for (const { send } of http)
        for (const path of ['/products/1', '/categories/oak'])
          answers.push((await send('GET', path)).body)
      return JSON.stringify(answers)
    }
    await read()
    await read() // groups that are learnt from a value may take a second load
    const loaded = database.queries
    expect(await read()).not.toContain('armchair')
    expect(database.queries).toBe(loaded)

    expect((await http[0]!.send('PUT', '/products/1', { name: 'armchair' })).status).toBe(204)
    await expect.poll(read).not.toContain('"chair"')
    expect((await http[0]!.send('GET', '/products/9')).status).toBe(404)
    for (const running of http) await running[Symbol.asyncDispose]()
    for (const { close } of services) await close()
  })
})

describe('what differs', () => {
  it('after a change during a load, only the old program serves the old name', async () => {
    const served = async ({ createService }: Program) => {
      const database = new MemoryDatabase()
      const service = await createService(redis.url, database)
      await using http = await serve(service.app)
      const { release } = database.hold()
      const loading = http.send('GET', '/categories/oak')
      await expect.poll(() => database.queries).toBe(1)
      await http.send('PUT', '/products/1', { name: 'armchair' })
      release()
      await loading
      await http.send('GET', '/categories/oak')
      await sleep(200) // time for a reload in the background
      const { body } = await http.send('GET', '/categories/oak')
      await service.close()
      return JSON.stringify(body)
    }
    expect(await served(before)).toContain('"chair"')
    expect(await served(after)).toContain('"armchair"')
  })

  it('with a grace period, the old program returns the old name once after a change', async () => {
    const served = async ({ createService }: Program) => {
      const service = await createService(redis.url, new MemoryDatabase())
      await using http = await serve(service.app)
      const name = async () => (await http.send('GET', '/products/1')).body
      await name()
      await http.send('PUT', '/products/1', { name: 'armchair' })
      const first = await name()
      await expect.poll(name).toMatchObject({ name: 'armchair' }) // the reads after it
      await service.close()
      return first
    }
    expect(await served(before)).toMatchObject({ name: 'chair' })
    expect(await served(after)).toMatchObject({ name: 'armchair' })
  })

  it('a cold key is loaded once in each process, or once in all', async () => {
    expect(await loadsOfColdKey(before, redis, '/categories/oak', 4)).toBe(4)
    expect(await loadsOfColdKey(after, redis, '/categories/oak', 1)).toBe(1)
  })

  it('after a lost message, the old program serves what its process remembers', async () => {
    const served = async ({ createService }: Program) => {
      await using proxy = await startProxy(redis)
      const database = new MemoryDatabase()
      const [reader, writer] = [
        await createService(proxy.url, database),
        await createService(redis.url, database),
      ]
      await using reading = await serve(reader.app)
      await using writing = await serve(writer.app)
      await reading.send('GET', '/products/1')
      await reading.send('GET', '/products/1')
      await proxy.cut()
      await writing.send('PUT', '/products/1', { name: 'armchair' })
      await proxy.pass()
      const listening = async () => {
        await writing.send('PUT', '/products/2', { name: 'desk' })
        return reading.send('GET', '/products/2')
      }
      await expect.poll(async () => (await listening()).body).toMatchObject({ name: 'desk' })
      await reading.send('GET', '/products/1')
      await sleep(200) // time for a reload in the background
      const { body } = await reading.send('GET', '/products/1')
      await reader.close()
      await writer.close()
      return body
    }
    expect(await served(after)).toMatchObject({ name: 'armchair' })
    expect(await served(before)).toMatchObject({ name: 'chair' })
  })

  it('while Redis is down, the old program waits for it, and the new one loads', async () => {
    const database = new MemoryDatabase()
    const [old, replacement] = [
      await before.createService(redis.url, database),
      await after.createService(redis.url, database),
    ]
    await using waiting = await serve(old.app)
    await using answering = await serve(replacement.app)
    await redis.kill()
    let answered = false
    const response = waiting.send('GET', '/products/1').finally(() => {
      answered = true
    })
    expect((await answering.send('GET', '/products/1')).status).toBe(200)
    await sleep(1_000)
    expect(answered).toBe(false)
    await redis.restart()
    expect((await response).status).toBe(200)
    await old.close()
    await replacement.close()
  })

  it('while Redis is down, only the new program refuses a change before it is made', async () => {
    expect(await changeInOutage(before, redis)).toEqual({ status: 0, name: 'armchair' })
    expect(await changeInOutage(after, redis)).toEqual({ status: 500, name: 'chair' })
  })
})

describe('during the deployment', () => {
  it('a change reaches both caches, and their keys do not meet', async () => {
    const database = new MemoryDatabase()
    const connection = new Redis(redis.url)
    const bento = new BentoCache({
      default: 'redis',
      prefix: 'shop',
      ttl: '10m',
      stores: { redis: bentostore().useL2Layer(redisDriver({ connection })) },
    })
    const client = createCacheClient(ioredisDriver(connection), { namespace: 'shop2' })
    const products = createVersioned({
      client,
      prefix: 'product',
      ttl: '10m',
      load: (id: string) => database.find(id),
      groups: () => ['category:oak'],
    })
    const names = async () => {
      const tags = ['category:oak']
      const factory = () => database.find('1')
      const [old, replacement] = [
        await bento.getOrSet({ key: 'product:1', tags, factory }),
        await products.get('1'),
      ]
      return [old?.name, replacement?.name]
    }
    expect(await names()).toEqual(['chair', 'chair'])
    const product = (await database.find('1'))!
    await rename(product, 'armchair', database, { bento, products })
    expect(await names()).toEqual(['armchair', 'armchair'])
    const keys = String(await redis.cli('KEYS', '*')).split('\n')
    expect(keys.some((key) => key.startsWith('shop:'))).toBe(true)
    expect(keys.some((key) => key.startsWith('shop2:'))).toBe(true)
    await bento.disconnectAll()
    await client.close()
    connection.disconnect()
  })
})
