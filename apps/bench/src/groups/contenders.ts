import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createVersioned } from '@cache/versioning'
import { BentoCache, bentostore } from 'bentocache'
import { redisDriver } from 'bentocache/drivers/redis'
import { Redis as Redis5 } from 'ioredis'
import { Redis } from 'ioredis-6'
import { createClient } from 'redis'
import { bareIoredis, bareNodeRedis } from '../caches/bare.js'
import type { Product } from '../workload/product.js'

/** A cache whose entries belong to groups. A group can be invalidated as a whole. */
export interface GroupedCache {
  get(id: number): Promise<Product>
  invalidateGroup(group: string): Promise<unknown>
  close(): Promise<void>
}

export interface GroupContender {
  readonly name: string
  readonly bare: 'ioredis' | 'node-redis'
  /** Set for a variant of another contender with the same bump. */
  readonly variant?: boolean
  open(
    url: string,
    load: (id: number) => Promise<Product>,
    groups: (id: number) => string[],
  ): Promise<GroupedCache>
}

type Options = Pick<
  Parameters<typeof createVersioned<Product, number>>[0],
  'strategy' | 'versionCache'
> & { readonly learnt?: boolean }

function ours(
  name: string,
  bare: GroupContender['bare'],
  { learnt = false, ...options }: Options = {},
): GroupContender {
  return {
    name: `@cache/versioning on ${bare}${name}`,
    bare,
    variant: name !== '',
    async open(url, load, groups) {
      const { driver, end } = await drivers[bare](url)
      const client = createCacheClient(driver)
      const cache = createVersioned<Product, number>({
        client,
        prefix: 'product',
        ttl: '1h',
        load,
        groups: (id, value) => (learnt && !value ? undefined : groups(id)),
        ...options,
      })
      return {
        get: (id) => cache.get(id),
        invalidateGroup: (group) => cache.bump(group),
        async close() {
          await client.close()
          end()
        },
      }
    },
  }
}

const drivers: Record<
  GroupContender['bare'],
  (url: string) => Promise<{ readonly driver: Driver; end(): void }>
> = {
  async ioredis(url) {
    const redis = new Redis(url)
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  async 'node-redis'(url) {
    const redis = createClient({ url })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

/** Reads an entry without groups. */
function bare({ name, bare: client, open }: typeof bareIoredis): GroupContender {
  return {
    name,
    bare: client,
    async open(url, load) {
      const cache = await open(url)
      return {
        get: (id) => cache.getOrLoad(id, () => load(id)),
        invalidateGroup: () => Promise.reject(new Error('A bare client has no groups.')),
        close: () => cache.close(),
      }
    },
  }
}

const bentocache: GroupContender = {
  name: 'bentocache, tags',
  bare: 'ioredis',
  async open(url, load, groups) {
    const connection = new Redis5(url)
    connection.on('error', () => undefined)
    const bento = new BentoCache({
      default: 'redis',
      stores: { redis: bentostore().useL2Layer(redisDriver({ connection })) },
    })
    return {
      get: (id) =>
        bento.getOrSet({ key: String(id), ttl: '1h', tags: groups(id), factory: () => load(id) }),
      invalidateGroup: (group) => bento.deleteByTag({ tags: [group] }),
      close: () => bento.disconnectAll(),
    }
  },
}

export const bareClients: readonly GroupContender[] = [bare(bareIoredis), bare(bareNodeRedis)]
export const groupContenders: readonly GroupContender[] = [
  ours('', 'ioredis'),
  ours('', 'node-redis'),
  ours(', learnt from the value', 'ioredis', { learnt: true }),
  ours(", strategy 'key'", 'ioredis', { strategy: 'key' }),
  bentocache,
]
