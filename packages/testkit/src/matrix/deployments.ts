import {
  startRedis,
  startRedisCluster,
  startRedisSentinel,
  type RedisCluster,
  type RedisSentinel,
  type RedisServer,
} from '@cache/testing'

/** The servers that the clients of a case connect to. */
export type Deployment =
  SingleDeployment | { readonly topology: 'sharded'; readonly redis: RedisSet }

/** The servers that one client connects to. */
export type SingleDeployment =
  | { readonly topology: 'standalone'; readonly redis: RedisServer }
  | { readonly topology: 'cluster'; readonly redis: RedisCluster }
  | { readonly topology: 'sentinel'; readonly redis: RedisSentinel }

/** Three independent servers. */
export interface RedisSet {
  readonly servers: readonly [RedisServer, RedisServer, RedisServer]
  flush(): Promise<void>
}

export type ServerTopology = Deployment['topology']

/** `'memory'` has no servers: the data is in the process. */
export type Topology = ServerTopology | 'memory'

/**
 * Returns the deployment that all cases of a test file share. The first caller starts it, and it
 * ends with the process.
 */
export async function sharedDeployment(topology: ServerTopology): Promise<Deployment> {
  const deployment = await (deployments.get(topology) ?? startOnce(topology))
  for (const server of serversOf(deployment))
    await (server.running ? resumeIfPaused(server) : server.restart())
  if ('ready' in deployment.redis) await deployment.redis.ready()
  await deployment.redis.flush()
  return deployment
}

const deployments = new Map<ServerTopology, Promise<Deployment>>()

function startOnce(topology: ServerTopology): Promise<Deployment> {
  const deployment = start[topology]()
  deployments.set(topology, deployment)
  deployment.catch(() => deployments.delete(topology))
  return deployment
}

const start: Record<ServerTopology, () => Promise<Deployment>> = {
  standalone: async () => ({ topology: 'standalone', redis: await startRedis() }),
  // Starts replicas in long runs only, because three more servers take time. Without replicas no
  // test waits for a failover.
  cluster: async () => ({
    topology: 'cluster',
    redis: await startRedisCluster(
      process.env.CHAOS
        ? { replicasPerPrimary: 1 }
        : { config: { 'cluster-node-timeout': '10000' } },
    ),
  }),
  sharded: async () => {
    const servers = await Promise.all([startRedis(), startRedis(), startRedis()])
    return {
      topology: 'sharded',
      redis: {
        servers,
        flush: async () => void (await Promise.all(servers.map((server) => server.flush()))),
      },
    }
  },
  // No test waits for a failover here, and a slow server must keep its role.
  sentinel: async () => ({
    topology: 'sentinel',
    redis: await startRedisSentinel({ sentinels: 1, downAfter: 5_000 }),
  }),
}

export function serversOf(deployment: Deployment): readonly RedisServer[] {
  if (deployment.topology === 'standalone') return [deployment.redis]
  if (deployment.topology === 'cluster') return deployment.redis.nodes
  if (deployment.topology === 'sharded') return deployment.redis.servers
  return [deployment.redis.primary, ...deployment.redis.replicas, ...deployment.redis.sentinels]
}

export function primariesOf(deployment: Deployment): readonly RedisServer[] {
  if (deployment.topology === 'cluster') return deployment.redis.primaries
  return deployment.topology === 'sentinel' ? [deployment.redis.primary] : serversOf(deployment)
}

/** An earlier test may have paused the server. A shared server (without a directory) can't be. */
async function resumeIfPaused(server: RedisServer): Promise<void> {
  if (server.directory !== '') await server.resume()
}
