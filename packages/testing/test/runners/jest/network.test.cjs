const { eventually, startProxy, startRedis, startRedisCluster } = require('@cache/testing')
const { Cluster, Redis } = require('ioredis')

test('a proxy swallows the reply of a command that was executed', async () => {
  const redis = await startRedis()
  const proxy = await startProxy(redis)
  const client = new Redis(proxy.url, { commandTimeout: 500, retryStrategy: () => null })
  await client.ping()
  proxy.swallow('replies')
  const reply = client.set('key', 'value').catch((error) => error)
  await eventually(() => proxy.swallowed > 0)
  expect(await redis.cli('GET', 'key')).toBe('value')
  expect(await reply).toMatchObject({ message: 'Command timed out' })
  client.disconnect()
  await proxy.close()
  await redis.stop()
})

test('a Cluster serves all slots', async () => {
  const redis = await startRedisCluster()
  const client = new Cluster([redis.url])
  expect(await client.set('key', 'value')).toBe('OK')
  client.disconnect()
  await redis.stop()
}, 30_000)

test('invalid options are refused with an error that jest understands', async () => {
  await expect(startRedis({ port: -1 })).rejects.toMatchObject({ option: 'port' })
})
