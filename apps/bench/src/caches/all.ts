import { bareIoredis, bareNodeRedis } from './bare.js'
import type { Contender } from './cache.js'
import { oursOnIoredis, oursOnNodeRedis } from './aside.js'
import { peers } from './peers.js'

export const contenders: readonly Contender[] = [
  bareIoredis,
  bareNodeRedis,
  oursOnIoredis,
  oursOnNodeRedis,
  ...peers,
]
export const libraries = contenders.filter(({ kind }) => kind !== 'bare')
