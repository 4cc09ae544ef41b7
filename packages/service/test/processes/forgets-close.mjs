// Uses one thing, closes only its own Redis client, and forgets everything else. It must end.
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createLocks } from '@cache/lock'
import { createInvalidationBus, createTrackingBus, withNearCache } from '@cache/pubsub-invalidation'
import { concurrency, createRateLimiter, gcra } from '@cache/ratelimit'
import { createWriteBehind } from '@cache/write-behind'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'

// Several URLs are those of a Cluster.
const [library, subject, ...urls] = process.argv.slice(2)
const clientOf = {
  ioredis: () => (urls.length > 1 ? new Cluster(urls) : new Redis(urls[0])),
  'node-redis': () =>
    urls.length > 1
      ? createCluster({ rootNodes: urls.map((url) => ({ url })) })
      : createClient({ url: urls[0] }),
}
const redis = clientOf[library]()
const client = createCacheClient(
  library === 'ioredis' ? ioredisDriver(redis) : nodeRedisDriver(redis),
)

const subjects = {
  bus: () => createInvalidationBus({ client }).ready(),
  'tracking bus': () => createTrackingBus({ client }).ready(),
  async 'near cache'() {
    const bus = createInvalidationBus({ client })
    await bus.ready()
    const near = withNearCache(client, { bus })
    await near.entries.invalidate(['k'])
  },
  async 'contended lock'() {
    const locks = createLocks({ client })
    const held = await locks.acquire('x')
    const waiting = locks.acquire('x', { wait: '10s' })
    await new Promise((resolve) => setTimeout(resolve, 200))
    await held.release()
    await (await waiting).release()
  },
  'held lock': () => createLocks({ client }).acquire('x'),
  limiter: () =>
    createRateLimiter({
      client,
      prefix: 'l',
      limits: [gcra({ limit: 100, window: '1m' }), concurrency({ limit: 5, ttl: '10s' })],
    }).consume('u'),
  'write-behind': () =>
    createWriteBehind({
      client,
      prefix: 'w',
      partitions: 1,
      ttl: '1m',
      load: () => undefined,
      maxPending: 10,
    }).put('1', { x: 2 }),
  dedicated: async () => {
    const connection = await client.driver.dedicate()
    await connection.send([{ args: ['PING'], keys: [] }])[0]
  },
}
await subjects[subject]()
console.log('used')
if (library === 'ioredis') redis.disconnect()
else await redis.close()
