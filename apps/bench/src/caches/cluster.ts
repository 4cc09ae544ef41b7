import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Cluster } from 'ioredis-6'
import { createCluster } from 'redis'
import { asideOn } from './aside.js'
import { bareOnIoredis, bareOnNodeRedis } from './bare.js'
import type { Contender } from './cache.js'

type Addresses = readonly { readonly host: string; readonly port: number }[]

const openIoredis = (addresses: Addresses) => new Cluster([...addresses])

async function openNodeRedis(addresses: Addresses) {
  const redis = createCluster({
    rootNodes: addresses.map(({ host, port }) => ({ url: `redis://${host}:${port}` })),
  })
  redis.on('error', () => undefined)
  await redis.connect()
  return redis
}

/** The bare clients and ours on a Cluster. */
export const clusterContenders: readonly Contender<Addresses>[] = [
  {
    name: 'ioredis',
    bare: 'ioredis',
    kind: 'bare',
    open: async (addresses) => bareOnIoredis(openIoredis(addresses)),
  },
  {
    name: 'node-redis',
    bare: 'node-redis',
    kind: 'bare',
    open: async (addresses) => bareOnNodeRedis(await openNodeRedis(addresses)),
  },
  {
    name: '@cache/aside on ioredis',
    bare: 'ioredis',
    kind: 'ours',
    async open(addresses) {
      const redis = openIoredis(addresses)
      return asideOn(ioredisDriver(redis), () => redis.disconnect())
    },
  },
  {
    name: '@cache/aside on node-redis',
    bare: 'node-redis',
    kind: 'ours',
    async open(addresses) {
      const redis = await openNodeRedis(addresses)
      return asideOn(nodeRedisDriver(redis), () => redis.destroy())
    },
  },
]
