const { startRedis } = require('@cache/testing')
const { Redis } = require('ioredis')

let redis
let client
beforeAll(async () => {
  redis = await startRedis()
  client = new Redis(redis.url, { maxRetriesPerRequest: 1 })
  client.on('error', () => undefined) // Without a listener, ioredis prints every failed attempt.
})
beforeEach(() => redis.flush())
afterAll(async () => {
  client.disconnect()
  await redis.stop()
})

test('counts the visits of a page', async () => {
  await client.incr('visits:home')
  expect(await client.incr('visits:home')).toBe(2)
})

test('begins at 0, because each test begins with an empty server', async () => {
  expect(await client.get('visits:home')).toBeNull()
})

test('rejects while Redis is down, and counts again when it is back', async () => {
  await redis.kill()
  await expect(client.incr('visits:home')).rejects.toThrow()
  await redis.restart()
  expect(await client.incr('visits:home')).toBe(1)
})
