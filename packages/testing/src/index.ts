export { canSetClock } from './clock/preload.js'
export {
  startRedisCluster,
  type RedisClusterOptions,
  type RedisCluster,
} from './cluster/cluster.js'
export type { ClusterNode } from './cluster/node.js'
export type { ClusterFailoverOptions } from './cluster/failover.js'
export type { MigrateOptions } from './cluster/migrate-slot.js'
export type { Address } from './command.js'
export { eventually, type EventuallyOptions } from './eventually.js'
export {
  NoRedisError,
  findRedis,
  type FindOptions,
  type OwnRedisSource,
  type RedisSource,
} from './find/find-redis.js'
export { InvalidOptionError } from './options.js'
export { StartError } from './machine/machine.js'
export {
  startProxy,
  type Direction,
  type HeldRequests,
  type ProxyTarget,
  type TcpProxy,
} from './proxy/proxy.js'
export { startRedis } from './redis.js'
export type { RedisOptions, RedisServer } from './redis-server.js'
export {
  startRedisSentinel,
  type RedisSentinel,
  type RedisSentinelOptions,
} from './sentinel/sentinel.js'
