import { startRedis, type RedisServer } from '@cache/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'

let redis: RedisServer
let client: Redis
beforeAll(async () => {
  redis = await startRedis({ shared: true })
  client = new Redis(redis.url)
})
beforeEach(() => redis.flush())
afterAll(async () => {
  client.disconnect()
  await redis.stop()
})

it('has a database of its own', async () => {
  expect(redis.database).toBeGreaterThan(0)
  expect(await client.dbsize()).toBe(0)
  expect(await client.incr('count')).toBe(1)
})
