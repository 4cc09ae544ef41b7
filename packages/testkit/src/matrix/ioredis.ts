import type { Cluster, Redis } from 'ioredis'
import type { SingleDeployment } from './deployments.js'

export type Ioredis = Redis | Cluster

/** The classes that create a client. Those of major 5 fit as well. */
export interface IoredisLibrary {
  readonly Redis: typeof Redis
  readonly Cluster: typeof Cluster
}

export interface IoredisVariant {
  /** The version of RESP. The default is 3, and 2 in major 5. */
  readonly protocol?: 2
}

/** Returns a factory of clients that retry within 200 ms, because tests wait for them. */
export function ioredisClients(
  { Redis, Cluster }: IoredisLibrary,
  variant: IoredisVariant,
): (deployment: SingleDeployment) => Ioredis {
  const common = { ...variant, retryStrategy: retryDelay, connectTimeout: 2_000 }
  return (deployment) => {
    if (deployment.topology === 'standalone') {
      const { host, port, password, database } = deployment.redis
      return new Redis({
        ...common,
        host,
        port,
        db: database,
        ...(password === undefined ? {} : { password }),
      })
    }
    if (deployment.topology === 'sentinel') {
      return new Redis({
        ...common,
        name: deployment.redis.name,
        sentinels: [...deployment.redis.addresses],
        sentinelRetryStrategy: retryDelay,
      })
    }
    return new Cluster([...deployment.redis.addresses], {
      redisOptions: { ...variant, connectTimeout: 2_000 },
      clusterRetryStrategy: retryDelay,
      retryDelayOnFailover: 50,
      retryDelayOnClusterDown: 50,
      slotsRefreshTimeout: 2_000,
    })
  }
}

function retryDelay(attempt: number): number {
  return Math.min(attempt * 20, 200)
}
