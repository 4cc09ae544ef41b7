import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { expect, it } from 'vitest'
import { createHierarchical } from '../src/index.js'

const connections: Record<string, (url: string) => { driver: Driver; end(): unknown }> = {
  ioredis(url) {
    const redis = new Redis(url)
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

it.each(Object.keys(connections))(
  'items and groups are made invalid on a full server, over %s',
  async (name) => {
    await using server = await startRedis()
    const { driver, end } = connections[name]!(server.url)
    const client = createCacheClient(driver, {
      resilience: { readTimeout: '20s', writeTimeout: '20s' },
    })
    interface Item {
      readonly id: number
      readonly group: number
      readonly price: number
    }
    const rows = new Map<number, Item>([1, 2].map((id) => [id, { id, group: 7, price: 1 }]))
    const cache = createHierarchical<Item, number, number>({
      client,
      ttl: '1h',
      item: { prefix: 'item', id: ({ id }) => id },
      group: { prefix: 'group', id: ({ group }) => group },
      groupOf: async (id) => rows.get(id)?.group,
      loadGroup: async (group) => [...rows.values()].filter((row) => row.group === group),
    })
    await cache.getGroup(7)
    await cache.get(1)
    await server.fill()
    rows.set(1, { id: 1, group: 8, price: 2 })
    await cache.invalidate(1)
    expect(await cache.get(1)).toEqual({ id: 1, group: 8, price: 2 })
    expect(await cache.getGroup(7)).toEqual([{ id: 2, group: 7, price: 1 }])
    await server.empty()
    await cache.getGroup(7)
    await server.fill()
    rows.set(2, { id: 2, group: 7, price: 2 })
    await cache.invalidateGroup(7)
    expect(await cache.getGroup(7)).toEqual([{ id: 2, group: 7, price: 2 }])
    await client.close()
    end()
  },
)
