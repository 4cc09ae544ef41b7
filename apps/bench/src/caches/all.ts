import { oursOnIoredis, oursOnNodeRedis } from './aside.js'
import { bareIoredis, bareNodeRedis } from './bare.js'
import type { Contender } from './cache.js'
import { mgetPerTickOnIoredis, mgetPerTickOnNodeRedis } from './mget-per-tick.js'
import { peers } from './peers.js'

export const contenders: readonly Contender[] = [
  bareIoredis,
  bareNodeRedis,
  mgetPerTickOnIoredis,
  mgetPerTickOnNodeRedis,
  oursOnIoredis,
  oursOnNodeRedis,
  ...peers,
]
export const libraries = contenders.filter(({ kind }) => kind !== 'bare')
