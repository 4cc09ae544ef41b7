import type { Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { shardedDriver } from '@cache/sharding'
import type { Address } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, createSentinel } from 'redis'
import { libraries, type Library, type ConnectionTarget } from './connection-target.js'

/** The name of the primary in the testkit's Sentinels. */
const SENTINEL_NAME = 'primary'

/** Connects a client that reconnects quickly, because there are faults every second. */
export function connect(target: ConnectionTarget): Driver {
  const { topology, library, seeds } = target
  if (topology === 'shards') return sharded(seeds, library)
  if (topology === 'cluster')
    return library === 'ioredis' ? ioredisCluster(target) : nodeRedisCluster(target)
  if (topology === 'sentinel')
    return library === 'ioredis' ? ioredisSentinel(target) : nodeRedisSentinel(target)
  return single(seeds[0]!, library)
}

function single({ host, port }: Address, library: Library): Driver {
  if (library === 'ioredis')
    return ioredisDriver(new Redis({ host, port, retryStrategy: () => 50 }))
  return nodeRedisDriver(createClient({ socket: { host, port, reconnectStrategy: 50 } }))
}

/** Connects to shards with both libraries in turn. */
function sharded(seeds: readonly Address[], library: Library): Driver {
  const first = libraries.indexOf(library)
  const shards = Object.fromEntries(
    seeds.map((seed, i) => [`s${i}`, single(seed, libraries[(first + i) % 2]!)]),
  )
  return shardedDriver({ shards })
}

function ioredisCluster({ seeds, proxies }: ConnectionTarget): Driver {
  const options = {
    natMap: { ...proxies },
    slotsRefreshTimeout: 1_000,
    clusterRetryStrategy: () => 50,
  }
  return ioredisDriver(new Cluster([...seeds], options))
}

function nodeRedisCluster({ seeds, proxies }: ConnectionTarget): Driver {
  return nodeRedisDriver(
    createCluster({
      rootNodes: seeds.map(({ host, port }) => ({ socket: { host, port } })),
      nodeAddressMap: { ...proxies },
      defaults: { socket: { reconnectStrategy: 50 } },
    }),
  )
}

function ioredisSentinel({ seeds, proxies }: ConnectionTarget): Driver {
  return ioredisDriver(
    new Redis({
      sentinels: [...seeds],
      name: SENTINEL_NAME,
      natMap: { ...proxies },
      sentinelRetryStrategy: () => 50,
      retryStrategy: () => 50,
    }),
  )
}

function nodeRedisSentinel({ seeds, proxies }: ConnectionTarget): Driver {
  return nodeRedisDriver(
    createSentinel({
      name: SENTINEL_NAME,
      sentinelRootNodes: [...seeds],
      nodeAddressMap: { ...proxies },
      nodeClientOptions: { socket: { reconnectStrategy: 50 } },
      scanInterval: 100,
    }),
  )
}
