import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { startRedis } from '@cache/testing'
import { createClient } from 'redis'

let redis
let client
before(async () => {
  redis = await startRedis()
  client = createClient({ url: redis.url, disableOfflineQueue: true })
  client.on('error', () => undefined)
  await client.connect()
})
beforeEach(() => redis.flush())
after(async () => {
  client.destroy()
  await redis.stop()
})

test('counts the visits of a page', async () => {
  await client.incr('visits:home')
  assert.equal(await client.incr('visits:home'), 2)
})

test('begins at 0, because each test begins with an empty server', async () => {
  assert.equal(await client.get('visits:home'), null)
})
