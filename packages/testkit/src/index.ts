export { startRedis, type RedisOptions, type RedisServer } from './redis.js'
export { startCluster, type ClusterNode, type ClusterOptions, type RedisCluster } from './cluster.js'
export { eventually, type Patience } from './eventually.js'
