import type { Cluster, Redis } from 'ioredis'
import type { OnePlace } from './places.js'

export type Ioredis = Redis | Cluster

/** What a client is made with; major 5 fits as well. */
export interface IoredisLibrary {
  readonly Redis: typeof Redis
  readonly Cluster: typeof Cluster
}

export interface IoredisVariant {
  /** RESP; 3 where it is missing, and 2 in major 5. */
  readonly protocol?: 2
}

/** Clients that try again within a fifth of a second: tests wait for them. */
export function ioredisClients(
  { Redis, Cluster }: IoredisLibrary,
  variant: IoredisVariant,
): (place: OnePlace) => Ioredis {
  const common = { ...variant, retryStrategy: soon, connectTimeout: 2_000 }
  return (place) => {
    if (place.topology === 'standalone') {
      const { host, port, password, database } = place.redis
      return new Redis({
        ...common,
        host,
        port,
        db: database,
        ...(password === undefined ? {} : { password }),
      })
    }
    if (place.topology === 'sentinel') {
      return new Redis({
        ...common,
        name: place.redis.name,
        sentinels: [...place.redis.addresses],
        sentinelRetryStrategy: soon,
      })
    }
    return new Cluster([...place.redis.addresses], {
      redisOptions: { ...variant, connectTimeout: 2_000 },
      clusterRetryStrategy: soon,
      retryDelayOnFailover: 50,
      retryDelayOnClusterDown: 50,
      slotsRefreshTimeout: 2_000,
    })
  }
}

function soon(attempt: number): number {
  return Math.min(attempt * 20, 200)
}
