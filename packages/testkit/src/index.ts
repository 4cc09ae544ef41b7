export { burnCpu } from './burn-cpu.js'
export { canSetClock } from './clock/preload.js'
export { startCluster, type ClusterOptions, type RedisCluster } from './cluster/cluster.js'
export { type ClusterNode } from './cluster/node.js'
export type { ClusterFailoverOptions } from './cluster/failover.js'
export type { MigrateOptions } from './cluster/migrate-slot.js'
export type { Address } from './command.js'
export { eventually, type Patience } from './eventually.js'
export { everythingShown } from './everything-shown.js'
export { NoRedisError, findRedis, type FindOptions, type RedisSource } from './find/find-redis.js'
export { hostileValues, plantValue, type HostileValue } from './hostile-values.js'
export { longestTurn } from './longest-turn.js'
export { StartError } from './machine/machine.js'
export type { RawClient } from './matrix/client-variants.js'
export type { Ioredis } from './matrix/ioredis.js'
export {
  matrix,
  type DriverFactories,
  type MatrixCase,
  type MatrixOptions,
} from './matrix/matrix.js'
export type { MemoryData } from './matrix/memory-stage.js'
export type { NodeRedis } from './matrix/node-redis.js'
export type { Stage } from './matrix/stage.js'
export type { Topology } from './matrix/deployments.js'
export { childProcess, type ChildProcess } from './processes/child-process.js'
export type { NextOptions, Wanted } from './processes/mailbox.js'
export {
  spawnProcesses,
  type ProcessGroup,
  type SpawnOptions,
  type SpawnedProcess,
} from './processes/spawn-processes.js'
export { startProxy, type Direction, type HeldRequests, type TcpProxy } from './proxy/proxy.js'
export { startRedis } from './redis.js'
export { type RedisOptions, type RedisServer } from './redis-server.js'
export { startSentinel, type RedisSentinel, type SentinelOptions } from './sentinel/sentinel.js'
