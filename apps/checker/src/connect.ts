import type { Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { shardedDriver } from '@cache/sharding'
import type { Address } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, createSentinel } from 'redis'
import { libraries, type Library, type Reach } from './reach.js'

/** What Sentinels of the testkit call the primary. */
const SENTINEL_NAME = 'primary'

/** A client that connects again quickly, as faults come every second. */
export function connect(reach: Reach): Driver {
  const { topology, library, entrances } = reach
  if (topology === 'shards') return sharded(entrances, library)
  if (topology === 'cluster')
    return library === 'ioredis' ? ioredisCluster(reach) : nodeRedisCluster(reach)
  if (topology === 'sentinel')
    return library === 'ioredis' ? ioredisSentinel(reach) : nodeRedisSentinel(reach)
  return single(entrances[0]!, library)
}

function single({ host, port }: Address, library: Library): Driver {
  if (library === 'ioredis')
    return ioredisDriver(new Redis({ host, port, retryStrategy: () => 50 }))
  return nodeRedisDriver(createClient({ socket: { host, port, reconnectStrategy: 50 } }))
}

/** Both libraries at once: each shard has the other one than the shard before it. */
function sharded(entrances: readonly Address[], library: Library): Driver {
  const first = libraries.indexOf(library)
  const shards = Object.fromEntries(
    entrances.map((entrance, i) => [`s${i}`, single(entrance, libraries[(first + i) % 2]!)]),
  )
  return shardedDriver({ shards })
}

function ioredisCluster({ entrances, proxies }: Reach): Driver {
  const options = {
    natMap: { ...proxies },
    slotsRefreshTimeout: 1_000,
    clusterRetryStrategy: () => 50,
  }
  return ioredisDriver(new Cluster([...entrances], options))
}

function nodeRedisCluster({ entrances, proxies }: Reach): Driver {
  return nodeRedisDriver(
    createCluster({
      rootNodes: entrances.map(({ host, port }) => ({ socket: { host, port } })),
      nodeAddressMap: { ...proxies },
      defaults: { socket: { reconnectStrategy: 50 } },
    }),
  )
}

function ioredisSentinel({ entrances, proxies }: Reach): Driver {
  return ioredisDriver(
    new Redis({
      sentinels: [...entrances],
      name: SENTINEL_NAME,
      natMap: { ...proxies },
      sentinelRetryStrategy: () => 50,
      retryStrategy: () => 50,
    }),
  )
}

function nodeRedisSentinel({ entrances, proxies }: Reach): Driver {
  return nodeRedisDriver(
    createSentinel({
      name: SENTINEL_NAME,
      sentinelRootNodes: [...entrances],
      nodeAddressMap: { ...proxies },
      nodeClientOptions: { socket: { reconnectStrategy: 50 } },
      scanInterval: 100,
    }),
  )
}
