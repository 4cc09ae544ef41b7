import { createKeyv } from '@keyv/redis'
import { createCache as createDedupeCache } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { Cacheable } from 'cacheable'
import { Redis as Redis5 } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { createClient } from 'redis'
import { ONE_HOUR } from '../caches/cache.js'
import type { Id } from '../workload/ids.js'
import type { Product } from '../workload/product.js'
import { MAX_ENTRIES, NEAR_MS, type NearContender } from './near-cache.js'
import { oursOnBus, oursOnTracking } from './ours.js'

/** The map alone: the minimum cost of a near cache. */
const lru: NearContender = {
  name: 'lru-cache',
  propagates: false,
  async open() {
    const cache = new LRUCache<string, Product>({ max: MAX_ENTRIES, ttl: NEAR_MS })
    return {
      async getOrLoad(id, load) {
        const key = `product:${id}`
        let value = cache.get(key)
        if (value === undefined) cache.set(key, (value = await load()))
        return value
      },
      invalidate: async (id) => void cache.delete(`product:${id}`),
      close: async () => undefined,
    }
  },
}

const bentocache: NearContender = {
  name: 'bentocache',
  propagates: true,
  async open(url) {
    const connection = new Redis5(url)
    connection.on('error', () => undefined)
    const { host, port, db } = connection.options
    const store = bentostore()
      .useL1Layer(memoryDriver({ maxItems: MAX_ENTRIES }))
      .useL2Layer(redisDriver({ connection }))
      .useBus(redisBusDriver({ connection: { host: host!, port: port!, db: db! } }))
    const bento = new BentoCache({ default: 'both', stores: { both: store } })
    return {
      getOrLoad: (id, load) => bento.getOrSet({ key: String(id), ttl: '1h', factory: load }),
      invalidate: async (id) => void (await bento.delete({ key: String(id) })),
      close: () => bento.disconnectAll(),
    }
  },
}

const cacheable: NearContender = {
  name: 'cacheable',
  propagates: false,
  async open(url) {
    const cache = new Cacheable({ secondary: createKeyv(url), ttl: ONE_HOUR })
    cache.on('error', () => undefined)
    return {
      getOrLoad: async (id, load) =>
        (await cache.getOrSet(String(id), load, { ttl: ONE_HOUR })) as Product,
      invalidate: async (id) => void (await cache.delete(String(id))),
      close: () => cache.disconnect(),
    }
  },
}

const asyncCacheDedupe: NearContender = {
  name: 'async-cache-dedupe',
  propagates: false,
  async open() {
    const loads = new Map<Id, () => Promise<Product>>()
    const cache = createDedupeCache({
      ttl: 3_600,
      storage: { type: 'memory', options: { size: MAX_ENTRIES } },
    }).define('product', (id: Id) => loads.get(id)!())
    return {
      getOrLoad(id, load) {
        loads.set(id, load)
        return cache.product(id) as Promise<Product>
      },
      invalidate: (id) => cache.clear('product', id) as Promise<void>,
      close: async () => undefined,
    }
  },
}

/** Uses `GET` and `JSON.parse`, like the bare client: the client caches the reply. */
const nodeRedis: NearContender = {
  name: 'node-redis clientSideCache',
  propagates: true,
  async open(url) {
    const redis = createClient({
      url,
      RESP: 3,
      clientSideCache: { ttl: NEAR_MS, maxEntries: MAX_ENTRIES },
    })
    redis.on('error', () => undefined)
    await redis.connect()
    return {
      async getOrLoad(id, load) {
        const cached = await redis.get(`product:${id}`)
        if (cached !== null) return JSON.parse(cached) as Product
        const value = await load()
        await redis.set(`product:${id}`, JSON.stringify(value), { PX: ONE_HOUR })
        return value
      },
      invalidate: async (id) => void (await redis.del(`product:${id}`)),
      close: async () => redis.destroy(),
    }
  },
}

export const nearContenders: readonly NearContender[] = [
  lru,
  oursOnBus,
  oursOnTracking,
  bentocache,
  cacheable,
  asyncCacheDedupe,
  nodeRedis,
]
