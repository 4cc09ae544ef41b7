import { createCacheClient, type CacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { matrix, type Stage } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  Cached,
  currentLocks,
  Invalidates,
  Mutates,
  useCacheClient,
  WithLock,
} from '../src/decorators/index.js'
import { patient } from './clients.js'

const cases = matrix<Driver>({
  ioredis: ioredisDriver,
  'node-redis': nodeRedisDriver,
  memory: () => {
    const server = new MemoryServer()
    return { driver: () => memoryDriver({ server }), flush: () => server.flush() }
  },
})

class Products {
  name = 'chair'
  loads = 0

  @Cached({ prefix: 'product', key: (id: number) => id, tags: ['products'], ttl: '1h' })
  async find(id: number) {
    this.loads++
    return `${id} ${this.name}`
  }

  @Mutates({ prefix: 'product', keys: (...ids: number[]) => ids, tags: ['products'] })
  @WithLock({ name: (...ids: number[]) => ids.map((id) => `product:${id}`) })
  async rename(...ids: number[]) {
    this.name = 'armchair'
    return currentLocks()!.locks.length === ids.length
  }

  @Invalidates({ prefix: 'product', keys: (...ids: number[]) => ids })
  async reload(..._ids: number[]) {}
}

describe.each(cases)('on $name', ({ start }) => {
  let stage: Stage<Driver>
  let client: CacheClient
  beforeAll(async () => {
    stage = await start()
    client = createCacheClient(stage.driver(), { ...patient, namespace: 'shop' })
  })
  beforeEach(() => stage.flush())
  afterAll(async () => {
    await client.close()
    await stage.stop()
  })

  it('caches, locks and changes entries that lie on several nodes', async () => {
    const products = useCacheClient(new Products(), client)
    const ids = [1, 2, 3, 4, 5, 6]
    const all = () => Promise.all(ids.map((id) => products.find(id)))
    expect(await all()).toEqual(ids.map((id) => `${id} chair`))
    await all()
    expect(products.loads).toBe(6)
    expect(await products.rename(...ids)).toBe(true)
    expect(await all()).toEqual(ids.map((id) => `${id} armchair`))
    expect(products.loads).toBe(12)
    await products.reload(...ids)
    await all()
    expect(products.loads).toBe(18)
  })
})
