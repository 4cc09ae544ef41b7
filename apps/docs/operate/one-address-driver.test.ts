import { createCacheClient, type CacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedisCluster, type RedisCluster } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { packageUses } from '../../../packages/service/test/package-uses.js'
import { oneAddressDriver } from './one-address-driver.js'

describe('a client that is no Cluster client, before a Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster({ primaries: 1 })
  })
  beforeEach(() => cluster.flush())
  afterAll(() => cluster.stop())

  async function using(decorate: (driver: Driver) => Driver, use: typeof packageUses.aside) {
    const redis = new Redis(cluster.url)
    const client: CacheClient = createCacheClient(decorate(ioredisDriver(redis)), {
      namespace: 'shop',
      resilience: { readTimeout: '5s', writeTimeout: '5s' },
    })
    try {
      await use!(client, true)
    } finally {
      await client.close()
      redis.disconnect()
    }
  }

  it.each(Object.keys(packageUses))('runs %s with oneAddressDriver', (name) =>
    using(oneAddressDriver, packageUses[name]),
  )

  it('gets CROSSSLOT without it', async () => {
    const locked = using((driver) => driver, packageUses.lock)
    await expect(locked).rejects.toMatchObject({ code: 'CROSSSLOT' })
  })
})
