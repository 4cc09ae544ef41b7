import { cachified } from '@epic-web/cachified'
import { createKeyv } from '@keyv/redis'
import { createCache as createDedupeCache } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { redisDriver } from 'bentocache/drivers/redis'
import { createCache } from 'cache-manager'
import { Cacheable } from 'cacheable'
import { Redis as Redis5 } from 'ioredis'
import { Redis } from 'ioredis-6'
import { Loader, RedisCache } from 'layered-loader'
import type { Id } from '../workload/ids.js'
import type { Product } from '../workload/product.js'
import { ONE_HOUR, type Contender } from './cache.js'

// Each library is set up for Redis as its documentation says, and otherwise with its defaults.

const bentocache: Contender = {
  name: 'bentocache',
  bare: 'ioredis',
  kind: 'peer',
  async open(url) {
    const connection = new Redis5(url)
    connection.on('error', () => undefined)
    const bento = new BentoCache({
      default: 'redis',
      stores: { redis: bentostore().useL2Layer(redisDriver({ connection })) },
    })
    return {
      getOrLoad: (id, load) => bento.getOrSet({ key: String(id), ttl: '1h', factory: load }),
      invalidate: async (id) => void (await bento.delete({ key: String(id) })),
      close: () => bento.disconnectAll(),
    }
  },
}

const cacheable: Contender = {
  name: 'cacheable',
  bare: 'node-redis',
  kind: 'peer',
  async open(url) {
    const cache = new Cacheable({ primary: createKeyv(url), ttl: ONE_HOUR })
    cache.on('error', () => undefined)
    return {
      getOrLoad: async (id, load) =>
        (await cache.getOrSet(String(id), load, { ttl: ONE_HOUR })) as Product,
      getMany: async (ids) => (await cache.getMany<Product>(ids.map(String))) as Product[],
      invalidate: async (id) => void (await cache.delete(String(id))),
      close: () => cache.disconnect(),
    }
  },
}

const cacheManager: Contender = {
  name: 'cache-manager',
  bare: 'node-redis',
  kind: 'peer',
  async open(url) {
    const cache = createCache({ stores: [createKeyv(url)], ttl: ONE_HOUR })
    return {
      getOrLoad: (id, load) => cache.wrap(String(id), load),
      getMany: async (ids) => (await cache.mget<Product>(ids.map(String))) as Product[],
      invalidate: async (id) => void (await cache.del(String(id))),
      close: async () => void (await cache.disconnect()),
    }
  },
}

const asyncCacheDedupe: Contender = {
  name: 'async-cache-dedupe',
  bare: 'ioredis',
  kind: 'peer',
  async open(url) {
    const client = new Redis(url)
    client.on('error', () => undefined)
    const loads = new Map<Id, () => Promise<Product>>()
    const cache = createDedupeCache({
      ttl: 3_600,
      // Its types take whichever major of ioredis is hoisted.
      storage: { type: 'redis', options: { client: client as never } },
    }).define('product', (id: Id) => loads.get(id)!())
    return {
      getOrLoad(id, load) {
        loads.set(id, load)
        return cache.product(id) as Promise<Product>
      },
      invalidate: (id) => cache.clear('product', id) as Promise<void>,
      close: async () => client.disconnect(),
    }
  },
}

const epicCachified: Contender = {
  name: '@epic-web/cachified',
  bare: 'ioredis',
  kind: 'peer',
  async open(url) {
    const redis = new Redis(url)
    redis.on('error', () => undefined)
    const cache = {
      get: async (key: string) => JSON.parse((await redis.get(key)) ?? 'null'),
      set: (key: string, value: unknown) => redis.set(key, JSON.stringify(value), 'PX', ONE_HOUR),
      delete: (key: string) => redis.del(key),
    }
    return {
      getOrLoad: (id, load) =>
        cachified({ key: `cachified:${id}`, cache, ttl: ONE_HOUR, getFreshValue: load }),
      invalidate: async (id) => void (await redis.del(`cachified:${id}`)),
      close: async () => redis.disconnect(),
    }
  },
}

const layeredLoader: Contender = {
  name: 'layered-loader',
  bare: 'ioredis',
  kind: 'peer',
  async open(url) {
    const redis = new Redis(url)
    redis.on('error', () => undefined)
    const loads = new Map<string, () => Promise<Product>>()
    const asyncCache = new RedisCache<Product>(redis, {
      json: true,
      ttlInMsecs: ONE_HOUR,
      prefix: 'layered',
    })
    const loader = new Loader<Product>({
      asyncCache,
      dataSourceGetOneFn: (id) => loads.get(id)!(),
      cacheKeyFromValueResolver: ({ id }) => String(id),
    })
    return {
      async getOrLoad(id, load) {
        loads.set(String(id), load)
        return (await loader.get(String(id)))!
      },
      getMany: (ids) => loader.getMany(ids.map(String)),
      invalidate: (id) => loader.invalidateCacheFor(String(id)),
      close: async () => redis.disconnect(),
    }
  },
}

export const peers: readonly Contender[] = [
  bentocache,
  cacheable,
  cacheManager,
  asyncCacheDedupe,
  epicCachified,
  layeredLoader,
]
